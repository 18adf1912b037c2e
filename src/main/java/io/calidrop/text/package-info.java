/** Text as people's files hold it: UTF-8, with or without a mark, with any ends of lines. */
package io.calidrop.text;
