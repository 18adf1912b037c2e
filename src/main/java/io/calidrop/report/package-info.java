/** Results as tables, charts and a page, and a log of them that a killed run goes on from. */
package io.calidrop.report;
