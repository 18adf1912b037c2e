/**
 * The policies that choose the rows of a bounded cache: each a value with a name, which sees of the
 * cache what {@link io.calidrop.attention.HeadRows} shows of it.
 */
package io.calidrop.attention.policy;
