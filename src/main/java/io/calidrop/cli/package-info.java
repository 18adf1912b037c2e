/** The command line: reads options, prints, and exits; everything else is done by the library. */
package io.calidrop.cli;
