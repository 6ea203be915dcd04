import type { Bytes, KeyValue } from '../../../shared/domain/kv.ts';

/** Strings up to this size are copied through one buffer that is always there. */
const scratch = Buffer.alloc(64 * 1024);

/**
 * The same bytes in memory of their own, flat and one byte a char: what comes in may be a slice that would keep the whole
 * request alive, or a concatenation that would be flattened at every comparison.
 */
export function ownBytes(bytes: Bytes): Bytes {
  if (bytes.length > scratch.length) return Buffer.from(bytes, 'latin1').toString('latin1');
  return scratch.toString('latin1', 0, scratch.write(bytes, 0, 'latin1'));
}

/** FNV-1a, continued from `hash`; 32 bits, signed. */
export function hashBytes(bytes: Bytes, hash: number): number {
  let result = hash;
  for (let i = 0; i < bytes.length; i++) result = Math.imul(result ^ bytes.charCodeAt(i), 0x01000193);
  // The length sets (`ab`, `c`) apart from (`a`, `bc`) where two are hashed one after the other.
  return Math.imul(result ^ bytes.length, 0x01000193);
}

/** Continues `hash` with a whole number up to 2^53. */
export function hashNumber(number: number, hash: number): number {
  const low = Math.imul(hash ^ (number | 0), 0x85ebca6b);
  return Math.imul(low ^ (low >>> 15) ^ Math.floor(number / 0x100000000), 0x27d4eb2f);
}

/** Bytes compare as strings do; `localeCompare` would not. */
export function compareBytes(a: Bytes, b: Bytes): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function compareKeys(a: Pick<KeyValue, 'key'>, b: Pick<KeyValue, 'key'>): number {
  return compareBytes(a.key, b.key);
}
