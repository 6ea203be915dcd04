/** How keys, values and leases of the store are written and what ranges keys make: etcd's conventions. */
import type { Bytes, KeyRange, LeaseId } from './kv.ts';
import { decodeUtf8 } from './utf8.ts';

/** The UTF-8 bytes of a text. */
export function bytesOfText(text: string): Bytes {
  return bytesOf(new TextEncoder().encode(text));
}

/** As the store has them: one char each. */
export function bytesOf(array: Uint8Array): Bytes {
  const chunk = 8_192;
  let bytes = '';
  for (let at = 0; at < array.length; at += chunk) bytes += String.fromCharCode(...array.subarray(at, at + chunk));
  return bytes;
}

export function arrayOf(bytes: Bytes): Uint8Array {
  return Uint8Array.from(bytes, (char) => char.charCodeAt(0));
}

/** The text that these bytes are in UTF-8; null where they are none. */
export function textOfBytes(bytes: Bytes): string | null {
  return decodeUtf8(arrayOf(bytes));
}

/** The end of a range that means every key from its beginning on. */
export const everythingFrom: Bytes = '\0';

/** All keys that begin with `prefix`; with an empty one, all keys. */
export function prefixRange(prefix: Bytes): KeyRange & { rangeEnd: Bytes } {
  if (prefix === '') return { key: '\0', rangeEnd: everythingFrom };
  // The next one of the same length; what ends with 0xff has none, so what comes before that is counted up.
  const kept = prefix.replace(/\xff+$/, '');
  if (kept === '') return { key: prefix, rangeEnd: everythingFrom };
  return { key: prefix, rangeEnd: kept.slice(0, -1) + String.fromCharCode(kept.charCodeAt(kept.length - 1) + 1) };
}

/** As etcd's tools write it: hexadecimal, without a sign. */
export function leaseToHex(lease: LeaseId): string {
  return BigInt.asUintN(64, BigInt(lease)).toString(16);
}

/** Null: it is no lease. */
export function leaseFromHex(text: string): LeaseId | null {
  return /^[0-9a-f]{1,16}$/i.test(text) ? BigInt.asIntN(64, BigInt(`0x${text}`)).toString() : null;
}
