/**
 * How keys and values stand in JSON where they must be small: bytes that are no printable ASCII as a NUL and base64, all
 * others as they are. JSON alone would write a byte with up to six chars. No printable text begins with a NUL.
 */
import type { Bytes, KvCommand } from '../domain/kv.ts';

const mark = '\0';
const printable = /^[ -~]*$/;

/** The fields of commands, at any depth, that are {@link Bytes}. */
const bytesFields = new Set(['key', 'rangeEnd', 'value']);

export function packCommands(commands: readonly KvCommand[]): KvCommand[] {
  return commands.map((command) => mapBytes(command, pack));
}

export function unpackCommands(commands: readonly KvCommand[]): KvCommand[] {
  return commands.map((command) => mapBytes(command, unpack));
}

function pack(bytes: Bytes): string {
  return printable.test(bytes) ? bytes : mark + Buffer.from(bytes, 'latin1').toString('base64');
}

function unpack(text: string): Bytes {
  return text.startsWith(mark) ? Buffer.from(text.slice(1), 'base64').toString('latin1') : text;
}

/** The same object where nothing changes. */
function mapBytes<T extends object>(object: T, map: (bytes: Bytes) => Bytes): T {
  let changes: Record<string, unknown> | null = null;
  for (const [field, value] of Object.entries(object)) {
    const mapped = mapField(field, value, map);
    if (mapped === value) continue;
    changes ??= {};
    changes[field] = mapped;
  }
  return changes === null ? object : { ...object, ...changes };
}

function mapField(field: string, value: unknown, map: (bytes: Bytes) => Bytes): unknown {
  if (typeof value === 'string') return bytesFields.has(field) ? map(value) : value;
  if (Array.isArray(value)) return value.map((item) => mapField(field, item, map));
  return typeof value === 'object' && value !== null ? mapBytes(value, map) : value;
}
