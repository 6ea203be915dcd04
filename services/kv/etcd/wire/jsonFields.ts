/**
 * Messages as JSON (protobuf.dev, "ProtoJSON Format"), the way etcd's gateway has it: fields are called as in the .proto
 * file, 64-bit numbers are strings, bytes are base64, and what has its default is left out.
 */

/** What a field holds: an enum by its names; a message by its fields. `as text`: it is a decimal string in JavaScript, too. */
export type JsonKind =
  | 'bytes'
  | 'string'
  | 'bool'
  | 'int32'
  | 'int64'
  | 'int64 as text'
  | 'uint64'
  | 'uint64 as text'
  | Readonly<Record<string, number>>
  | (() => JsonFields);

export type JsonField = readonly [json: string, field: string, kind: JsonKind, repeated?: 'repeated'];
export type JsonFields = readonly JsonField[];

/** It is no message of that kind; says where. */
export class JsonMessageError extends Error {
  override readonly name = 'JsonMessageError';
}

const decimal = /^-?\d{1,20}$/;
const bounds = {
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
} as const;

/**
 * What it says, under the names of JavaScript; fields that it does not name are absent.
 * @throws {JsonMessageError}
 */
export function readJsonMessage(fields: JsonFields, json: unknown, at = ''): Record<string, unknown> {
  if (json === null) return {};
  if (typeof json !== 'object' || Array.isArray(json)) throw wrong(at, 'is no object');
  const message: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(json)) {
    const path = at === '' ? name : `${at}.${name}`;
    const field = fields.find(([original, camelCase]) => original === name || camelCase === name);
    // A field of another version is passed over, as in the binary form; null stands for the default.
    if (field === undefined || value === null) continue;
    const [, target, kind, repeated] = field;
    if (repeated && !Array.isArray(value)) throw wrong(path, 'is no list');
    message[target] = repeated
      ? (value as unknown[]).map((item, index) => readValue(kind, item, `${path}[${index}]`))
      : readValue(kind, value, path);
  }
  return message;
}

function readValue(kind: JsonKind, value: unknown, at: string): unknown {
  if (typeof kind === 'function') return readJsonMessage(kind(), value, at);
  if (typeof kind === 'object') return readEnum(kind, value, at);
  switch (kind) {
    case 'bytes':
      return readBase64(value, at);
    case 'string':
      if (typeof value !== 'string') throw wrong(at, 'is no string');
      return value;
    case 'bool':
      if (typeof value !== 'boolean') throw wrong(at, 'is neither true nor false');
      return value;
    case 'int64 as text':
      return readWhole('int64', value, at).toString();
    case 'uint64 as text':
      return readWhole('uint64', value, at).toString();
    default: {
      // No revision and no count comes near what JavaScript's numbers hold: more is as good as that.
      const number = Number(readWhole(kind, value, at));
      return Math.max(Number.MIN_SAFE_INTEGER, Math.min(number, Number.MAX_SAFE_INTEGER));
    }
  }
}

/** Line breaks within are passed over. */
function readBase64(value: unknown, at: string): string {
  const text = typeof value === 'string' ? value.replaceAll(/[\r\n]/g, '') : '?';
  const content = text.slice(0, -2) + text.slice(-2).replace(/={1,2}$/, '');
  if (text.length % 4 !== 0 || /[^A-Za-z0-9+/]/.test(content)) throw wrong(at, 'is no base64');
  return Buffer.from(text, 'base64').toString('latin1');
}

function readEnum(names: Readonly<Record<string, number>>, value: unknown, at: string): number {
  if (typeof value === 'number') return Number(readWhole('int32', value, at));
  const known = typeof value === 'string' && Object.hasOwn(names, value) ? names[value] : undefined;
  if (known === undefined) throw wrong(at, `is none of ${Object.keys(names).join(', ')}`);
  return known;
}

function readWhole(kind: keyof typeof bounds, value: unknown, at: string): bigint {
  const text = typeof value === 'number' && Number.isInteger(value) ? BigInt(value).toString() : value;
  if (typeof text !== 'string' || !decimal.test(text)) throw wrong(at, 'is no whole number');
  const [number, [least, most]] = [BigInt(text), bounds[kind]];
  if (number < least || number > most) throw wrong(at, 'is out of bounds');
  return number;
}

function wrong(at: string, what: string): JsonMessageError {
  return new JsonMessageError(`${at === '' ? 'the request' : `"${at}"`} ${what}`);
}

/** The message for `JSON.stringify`. */
export function writeJsonMessage(fields: JsonFields, message: object): Record<string, unknown> {
  const json: Record<string, unknown> = {};
  for (const [name, source, kind, repeated] of fields) {
    const value = (message as Record<string, unknown>)[source];
    if (isDefault(value)) continue;
    json[name] = repeated ? (value as unknown[]).map((item) => writeValue(kind, item)) : writeValue(kind, value);
  }
  return json;
}

function isDefault(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return value === undefined || value === null || value === '' || value === 0 || value === '0' || value === false;
}

function writeValue(kind: JsonKind, value: unknown): unknown {
  if (typeof kind === 'function') return writeJsonMessage(kind(), value as object);
  if (typeof kind === 'object') return Object.keys(kind).find((name) => kind[name] === value) ?? value;
  if (kind === 'bytes') return Buffer.from(value as string, 'latin1').toString('base64');
  return kind === 'int64' || kind === 'uint64' ? String(value) : value;
}
