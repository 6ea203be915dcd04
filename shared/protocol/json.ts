const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeJson(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

/** @throws {SyntaxError} it is not JSON. The shape is the caller's to check, or to trust where Flotilla wrote it. */
export function decodeJson<T>(data: Uint8Array): T {
  return JSON.parse(decoder.decode(data));
}
