/** What a cache's bytes are best spent on. */
package io.calidrop.attention.plan;
