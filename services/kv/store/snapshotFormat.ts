/**
 * The first byte of a snapshot. What follows is in `serialize` and `restore`: a head with everything but the keys, then each
 * key with its versions in the order of the keys, each version with its place in the history. A new format gets a new
 * number, and `restore` goes on reading the old one.
 */
export const formatVersion = 1;
