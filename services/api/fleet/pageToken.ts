/** Pages of a collection, as fleet cuts them: at most 100 entities, the next page named by a token. */
import { HttpError } from '../httpError.ts';

export const pageLimit = 100;
const largestPage = 0xffff;

export interface Page<T> {
  items: T[];
  /** Absent on the last page. */
  nextPageToken?: string;
}

/**
 * The page that the token names (none: the first).
 * @throws {HttpError} 400: it is no such token.
 */
export function pageOf<T>(all: readonly T[], token: string | undefined): Page<T> {
  const page = token === undefined ? 1 : decodePage(token);
  const end = page * pageLimit;
  const items = all.slice(end - pageLimit, end);
  const isLast = end >= all.length || page === largestPage;
  return isLast ? { items } : { items, nextPageToken: encodePage(page + 1) };
}

/** base64url of two little-endian uint16: the limit, and the page from 1. */
export function encodePage(page: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt16LE(pageLimit, 0);
  bytes.writeUInt16LE(page, 2);
  // With its padding, as fleet writes it.
  return bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}

function decodePage(token: string): number {
  const bytes = /^[\w-]{6}(==)?$/.test(token) ? Buffer.from(token, 'base64url') : Buffer.alloc(0);
  if (bytes.length !== 4)
    throw new HttpError(400, `"${token}" is no page token: take nextPageToken of the page before`);
  const [limit, page] = [bytes.readUInt16LE(0), bytes.readUInt16LE(2)];
  if (limit !== pageLimit) throw new HttpError(400, `token limit must be ${pageLimit}`);
  if (page === 0) throw new HttpError(400, 'token page must be greater than zero');
  return page;
}
