import { staticTable } from './headerTables.ts';

/**
 * A header block that stands by itself: nothing in it is to be remembered, so that the same bytes can be sent on every
 * connection (RFC 7541, section 6.2.2). Names are in lower case.
 */
export function encodeHeaders(headers: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of Object.entries(headers)) {
    const whole = indexOf((field) => field.name === name && field.value === value);
    if (whole > 0) parts.push(integer(whole, 7, 0x80));
    else parts.push(...literal(name, value));
  }
  return Buffer.concat(parts);
}

function literal(name: string, value: string): Buffer[] {
  const known = indexOf((field) => field.name === name);
  return [integer(known, 4, 0), ...(known > 0 ? [] : text(name)), ...text(value)];
}

function indexOf(found: (field: { name: string; value: string }) => boolean): number {
  return staticTable.findIndex(found) + 1;
}

function text(value: string): Buffer[] {
  const bytes = Buffer.from(value, 'latin1');
  return [integer(bytes.length, 7, 0), bytes];
}

/** Section 5.1: `value` in the low `bits` of a byte that begins with `kind`, and in the next ones where it does not fit. */
function integer(value: number, bits: number, kind: number): Buffer {
  const most = 2 ** bits - 1;
  if (value < most) return Buffer.from([kind | value]);
  const bytes = [kind | most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}
