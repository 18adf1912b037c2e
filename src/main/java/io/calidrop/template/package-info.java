/** Chat templates: Jinja with Python's values, as Hugging Face renders it. */
package io.calidrop.template;
