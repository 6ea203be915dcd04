/** The tables of HPACK (RFC 7541, section 2.3). */

export interface HeaderField {
  name: string;
  value: string;
}

/** The static table (appendix A): from 1 on. */
export const staticTable: readonly HeaderField[] = `:authority
:method GET
:method POST
:path /
:path /index.html
:scheme http
:scheme https
:status 200
:status 204
:status 206
:status 304
:status 400
:status 404
:status 500
accept-charset
accept-encoding gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate`
  .split('\n')
  .map((line) => ({ name: line.split(' ', 1)[0] ?? '', value: line.split(' ').slice(1).join(' ') }));

/** What a dynamic table holds, as long as nobody says otherwise (RFC 9113, section 6.5.2), bytes. */
export const defaultTableBytes = 4096;
/** What an entry takes beside its name and value (section 4.1), bytes. */
const entryOverhead = 32;

/** The dynamic table: what the other side wants to be remembered, the newest first (section 2.3.2). */
export class DynamicTable {
  /** The newest last: what is oldest is dropped from the front. */
  #entries: HeaderField[] = [];
  #size = 0;
  #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** By its index in both tables together: the static one first, from 1 on. */
  at(index: number): HeaderField | undefined {
    if (index <= staticTable.length) return staticTable[index - 1];
    return this.#entries[this.#entries.length - (index - staticTable.length)];
  }

  add(field: HeaderField): void {
    this.#entries.push(field);
    this.#size += sizeOf(field);
    this.#evict();
  }

  resize(capacity: number): void {
    this.#capacity = capacity;
    this.#evict();
  }

  #evict(): void {
    let count = 0;
    while (this.#size > this.#capacity) this.#size -= sizeOf(this.#entries[count++] ?? nothing);
    if (count > 0) this.#entries = this.#entries.slice(count);
  }
}

const nothing: HeaderField = { name: '', value: '' };

/** As HPACK counts a field, both in its table and against the longest list that is taken. */
export function sizeOf({ name, value }: HeaderField): number {
  return name.length + value.length + entryOverhead;
}
