import type { Bytes } from '../../../../shared/domain/kv.ts';

/** What came is no message of the expected type. */
export class MalformedMessageError extends Error {
  override name = 'MalformedMessageError';
}

/** As deep as Protocol Buffers implementations agree to go. */
const maxDepth = 100;
const maxVarintBytes = 10;

/** Reads Protocol Buffers values, one after the other. Throws a {@link MalformedMessageError} at anything impossible. */
export class ProtoReader {
  readonly #data: Buffer;
  #at: number;
  #end: number;
  #depth = 0;

  /** Of `data`, what is in [start, end). */
  constructor(data: Buffer, start = 0, end = data.length) {
    this.#data = data;
    this.#at = start;
    this.#end = end;
  }

  /** The current message has no more fields. */
  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** Number and wire type of the next field. */
  tag(): number {
    return this.number();
  }

  bool(): boolean {
    return this.number() !== 0;
  }

  /** An integer as near as a number gets: exact up to 2^53. */
  number(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    let low = first & 0x7f;
    let factor = 0x80;
    for (let read = 1; read < 7; read += 1, factor *= 0x80) {
      const byte = this.#byte();
      low += (byte & 0x7f) * factor;
      if (byte < 0x80) return low;
    }
    // Bits 49 to 63: the sign is in the last.
    const high = this.#highBits();
    return high < 1 << 14 ? high * factor + low : (high - (1 << 15)) * factor + low;
  }

  /** A decimal int64. */
  int64(): string {
    const start = this.#at;
    const number = this.number();
    if (Number.isSafeInteger(number)) return String(number);
    return String(BigInt.asIntN(64, this.#bigVarint(start)));
  }

  /** A decimal uint64. */
  uint64(): string {
    const start = this.#at;
    const number = this.number();
    if (Number.isSafeInteger(number) && number >= 0) return String(number);
    return String(BigInt.asUintN(64, this.#bigVarint(start)));
  }

  bytes(): Bytes {
    const start = this.#lengthDelimited();
    return this.#data.toString('latin1', start, this.#at);
  }

  text(): string {
    const start = this.#lengthDelimited();
    return this.#data.toString('utf8', start, this.#at);
  }

  /** Goes into the message that comes next; {@link leave} wants what this returns. */
  enter(): number {
    this.#depth += 1;
    if (this.#depth > maxDepth) throw new MalformedMessageError(`messages nested more than ${maxDepth} deep`);
    const outerEnd = this.#end;
    const length = this.number();
    if (length < 0 || this.#at + length > outerEnd) throw new MalformedMessageError('a field ends after its message');
    this.#end = this.#at + length;
    return outerEnd;
  }

  leave(outerEnd: number): void {
    if (this.#at !== this.#end) throw new MalformedMessageError('a message ends within a field');
    this.#depth -= 1;
    this.#end = outerEnd;
  }

  /** Passes over the value of a field that nobody knows. */
  skip(tag: number): void {
    switch (tag & 7) {
      case 0:
        this.number();
        return;
      case 1:
        return this.#pass(8);
      case 2:
        this.#lengthDelimited();
        return;
      case 5:
        return this.#pass(4);
      default:
        throw new MalformedMessageError(`unknown wire type ${tag & 7}`);
    }
  }

  #lengthDelimited(): number {
    const length = this.number();
    const start = this.#at;
    this.#pass(length);
    return start;
  }

  #pass(length: number): void {
    if (length < 0 || this.#at + length > this.#end) throw new MalformedMessageError('a field ends after its message');
    this.#at += length;
  }

  #byte(): number {
    if (this.#at >= this.#end) throw new MalformedMessageError('a message ends within a field');
    return this.#data[this.#at++] ?? 0;
  }

  #highBits(): number {
    let bits = 0;
    for (let shift = 0; shift < 21; shift += 7) {
      const byte = this.#byte();
      bits |= (byte & 0x7f) << shift;
      if (byte < 0x80) return bits & 0x7fff;
    }
    throw new MalformedMessageError(`a number of more than ${maxVarintBytes} bytes`);
  }

  #bigVarint(start: number): bigint {
    let value = 0n;
    for (let at = start; at < this.#at; at += 1) {
      value |= BigInt((this.#data[at] ?? 0) & 0x7f) << BigInt(7 * (at - start));
    }
    return value;
  }
}
