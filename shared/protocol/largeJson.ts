/** JSON that may be large: what a message would hardly take is compressed. Lists of units shrink to a tenth. */
import { constants, gunzipSync, gzipSync } from 'node:zlib';
import { decodeJson, encodeJson } from './json.ts';

const compressedFrom = 256 * 1024;

export function encodeLargeJson(value: unknown): Uint8Array {
  const data = encodeJson(value);
  return data.length < compressedFrom ? data : gzipSync(data, { level: constants.Z_BEST_SPEED });
}

/** Reads what {@link encodeLargeJson} wrote. @throws {SyntaxError | Error} it did not. */
export function decodeLargeJson<T>(data: Uint8Array): T {
  // RFC 1952; JSON begins otherwise.
  const isCompressed = data[0] === 0x1f && data[1] === 0x8b;
  return decodeJson<T>(isCompressed ? gunzipSync(data) : data);
}
