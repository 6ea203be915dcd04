import type { HeaderField } from './headerTables.ts';

/** What a request says before its body (RFC 9113, section 8.3). */
export class RequestHeaders {
  readonly #fields: readonly HeaderField[];

  constructor(fields: readonly HeaderField[]) {
    this.#fields = fields;
  }

  /** The first of that name, in lower case; pseudo-headers begin with a colon. */
  get(name: string): string | undefined {
    return this.#fields.find((field) => field.name === name)?.value;
  }
}

const pseudoHeaders = new Set([':method', ':scheme', ':authority', ':path']);
/** They belong to a connection of HTTP/1.1 (section 8.2.2). */
const connectionHeaders = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);

/** Whether they are a request's, as sections 8.2 and 8.3 want them. */
export function isRequest(fields: readonly HeaderField[]): boolean {
  const seen = new Set<string>();
  let regular = false;
  for (const { name, value } of fields) {
    if (name.startsWith(':')) {
      if (regular || seen.has(name) || !pseudoHeaders.has(name)) return false;
      seen.add(name);
    } else {
      regular = true;
      if (!isRegular(name, value)) return false;
    }
  }
  return seen.has(':method') && seen.has(':scheme') && seen.has(':path');
}

/** Whether they may follow a body (section 8.1). */
export function areTrailers(fields: readonly HeaderField[]): boolean {
  return fields.every(({ name, value }) => !name.startsWith(':') && isRegular(name, value));
}

function isRegular(name: string, value: string): boolean {
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name) || /[\0\r\n]/.test(value)) return false;
  return !connectionHeaders.has(name) && (name !== 'te' || value === 'trailers');
}
