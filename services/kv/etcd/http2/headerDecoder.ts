import { DynamicTable, defaultTableBytes, type HeaderField, sizeOf } from './headerTables.ts';
import { decodeHuffman } from './huffman.ts';
import { ConnectionError, ErrorCode } from './protocol.ts';

/** More than so much in one list of headers ends the connection; gRPC's are some hundreds of bytes. */
export const maxHeaderListBytes = 64 * 1024;

/** Reads the header blocks of one connection (RFC 7541), in their order. */
export class HeaderDecoder {
  readonly #table = new DynamicTable(defaultTableBytes);
  #block: Buffer = Buffer.alloc(0);
  #offset = 0;

  /** @throws {ConnectionError} after it nothing that comes can be read. */
  decode(block: Buffer): HeaderField[] {
    this.#block = block;
    this.#offset = 0;
    const fields: HeaderField[] = [];
    let size = 0;
    while (this.#offset < block.length) {
      const field = this.#next(fields.length === 0);
      if (field === null) continue;
      size += sizeOf(field);
      if (size > maxHeaderListBytes) throw new ConnectionError(ErrorCode.EnhanceYourCalm, 'too many headers');
      fields.push(field);
    }
    return fields;
  }

  /** The next field; null: it was an instruction. `first`: no field came before (section 4.2: only there may a size stand). */
  #next(first: boolean): HeaderField | null {
    const kind = this.#block[this.#offset] ?? 0;
    if (kind & 0x80) return this.#indexed(this.#integer(7));
    if ((kind & 0xe0) === 0x20) {
      this.#resize(first);
      return null;
    }
    const remembered = (kind & 0x40) !== 0;
    const field = this.#literal(this.#integer(remembered ? 6 : 4));
    if (remembered) this.#table.add(field);
    return field;
  }

  #resize(allowed: boolean): void {
    const size = this.#integer(5);
    if (!allowed || size > defaultTableBytes) throw corrupt(`a table of ${size} bytes`);
    this.#table.resize(size);
  }

  #indexed(index: number): HeaderField {
    const field = this.#table.at(index);
    if (field === undefined) throw corrupt(`no header ${index}`);
    return field;
  }

  #literal(index: number): HeaderField {
    const name = index === 0 ? this.#string() : this.#indexed(index).name;
    return { name, value: this.#string() };
  }

  /** Section 5.2. */
  #string(): string {
    const coded = ((this.#block[this.#offset] ?? 0) & 0x80) !== 0;
    const length = this.#integer(7);
    const end = this.#offset + length;
    if (end > this.#block.length) throw corrupt('a header ends early');
    const bytes = this.#block.subarray(this.#offset, end);
    this.#offset = end;
    const text = coded ? decodeHuffman(bytes) : bytes.toString('latin1');
    if (text === null) throw corrupt('a header is not well coded');
    return text;
  }

  /** Section 5.1: in the low `bits` of this byte, and on in the next ones where it does not fit. */
  #integer(bits: number): number {
    const most = 2 ** bits - 1;
    let value = this.#byte() & most;
    if (value < most) return value;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (factor > 2 ** 21) throw corrupt('a number is too large');
      if (byte < 0x80) return value;
    }
  }

  #byte(): number {
    const byte = this.#block[this.#offset++];
    if (byte === undefined) throw corrupt('a header ends early');
    return byte;
  }
}

function corrupt(message: string): ConnectionError {
  return new ConnectionError(ErrorCode.CompressionError, message);
}
