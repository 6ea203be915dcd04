import { createHash } from 'node:crypto';
import type { Entry, Head } from './entries.ts';

/** An entry with its length and a checksum of all that it says, its bytes included. */
export function seal(entry: Entry, data: Uint8Array | undefined): Head {
  const sized = data === undefined ? entry : { ...entry, bytes: data.length };
  const hash = createHash('sha256').update(JSON.stringify(sized));
  if (data !== undefined) hash.update(data);
  return { ...sized, sha256: hash.digest('hex') };
}
