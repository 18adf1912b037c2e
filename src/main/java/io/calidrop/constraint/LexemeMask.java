package io.calidrop.constraint;

/**
 * What a state of a lexeme says about the tokens, whatever comes after the lexeme.
 *
 * @param allowed a bit for each token that stays within the lexeme
 * @param trie that the walk was in
 * @param exits nodes at which the lexeme may be over
 */
record LexemeMask(long[] allowed, TokenTrie trie, int[] exits) {}
