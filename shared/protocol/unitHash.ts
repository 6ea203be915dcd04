import { createHash } from 'node:crypto';
import { canonicalText, type UnitFile } from '../domain/unitFile.ts';

/** fleet's unit hash: SHA-1 (40 hex digits) of the canonical text. */
export function hashUnit(file: UnitFile): string {
  return createHash('sha1').update(canonicalText(file)).digest('hex');
}
