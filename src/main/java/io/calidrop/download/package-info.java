/** The models on this machine and how they get there. */
package io.calidrop.download;
