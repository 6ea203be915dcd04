import type { Bytes } from '../../../../shared/domain/kv.ts';

const slabBytes = 64 * 1024;
/** Of UTF-8, at most, for one unit of UTF-16. */
const maxUtf8Bytes = 3;

/**
 * Writes Protocol Buffers messages backwards, from the last field to the first: the length of what a message holds is
 * known once it is written, so that nothing is measured first or moved afterwards. Every method writes a value and, before it, its tag.
 *
 * Messages are cut from slabs and may be kept by whoever gets them: no byte is written twice.
 */
export class ProtoWriter {
  #slab = Buffer.allocUnsafeSlow(slabBytes);
  /** Where the message being written ends in the slab. */
  #end = slabBytes;
  #start = slabBytes;

  /** Bytes written so far of the message. */
  get size(): number {
    return this.#end - this.#start;
  }

  /** What was written since the last call. */
  finish(): Buffer {
    const message = this.#slab.subarray(this.#start, this.#end);
    this.#end = this.#start;
    return message;
  }

  /** Forgets what was written since the last {@link finish}. */
  discard(): void {
    this.#start = this.#end;
  }

  bool(tag: number, value: boolean): void {
    this.#room(6);
    this.#slab[--this.#start] = value ? 1 : 0;
    this.#varint(tag);
  }

  /** Any integer type; a negative one takes ten bytes, as in two's complement. */
  int(tag: number, value: number): void {
    if (value < 0) return this.int64(tag, String(Math.trunc(value)));
    this.#room(15);
    this.#varint(value);
    this.#varint(tag);
  }

  /** An int64 or uint64 in decimal. */
  int64(tag: number, value: string): void {
    const number = Number(value);
    if (Number.isSafeInteger(number) && number >= 0) return this.int(tag, number);
    this.#room(15);
    this.#bigVarint(value);
    this.#varint(tag);
  }

  bytes(tag: number, value: Bytes): void {
    this.#room(value.length + 15);
    this.#start -= value.length;
    this.#slab.write(value, this.#start, 'latin1');
    this.#varint(value.length);
    this.#varint(tag);
  }

  text(tag: number, value: string): void {
    this.#room(value.length * maxUtf8Bytes + 15);
    const length = Buffer.byteLength(value);
    this.#start -= length;
    this.#slab.write(value, this.#start, 'utf8');
    this.#varint(length);
    this.#varint(tag);
  }

  /** Makes a field of what was written since `size` was {@link size}: a message, or packed numbers. */
  wrap(tag: number, size: number): void {
    this.#room(15);
    this.#varint(this.size - size);
    this.#varint(tag);
  }

  /** One number of a packed field, without a tag. */
  packed(value: number): void {
    this.#room(10);
    this.#varint(value);
  }

  /** The five bytes that gRPC puts before a message: not compressed, and how long it is. */
  frame(): void {
    this.#room(5);
    const length = this.size;
    this.#start -= 5;
    this.#slab[this.#start] = 0;
    this.#slab.writeUInt32BE(length, this.#start + 1);
  }

  #varint(value: number): void {
    if (value < 0x80) {
      this.#slab[--this.#start] = value;
      return;
    }
    let at = this.#start - varintLength(value);
    this.#start = at;
    let rest = value;
    while (rest >= 0x80) {
      this.#slab[at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#slab[at] = rest;
  }

  #bigVarint(value: string): void {
    const groups = bigVarints.get(value) ?? rememberBigVarint(value);
    this.#start -= groups.length;
    this.#slab.set(groups, this.#start);
  }

  #room(bytes: number): void {
    if (bytes <= this.#start) return;
    const size = this.size;
    const slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, 2 * (size + bytes)));
    this.#slab.copy(slab, slab.length - size, this.#start, this.#end);
    this.#slab = slab;
    this.#end = slab.length;
    this.#start = slab.length - size;
  }
}

/** Ids of clusters and members are in every header, and are few. */
const bigVarints = new Map<string, Uint8Array>();
const maxBigVarints = 1024;

function rememberBigVarint(value: string): Uint8Array {
  const groups: number[] = [];
  for (let rest = BigInt.asUintN(64, BigInt(value)); rest > 0n; rest >>= 7n) groups.push(Number(rest & 0x7fn) | 0x80);
  const last = groups.pop() ?? 0;
  const bytes = Uint8Array.of(...groups, last & 0x7f);
  if (bigVarints.size >= maxBigVarints) bigVarints.clear();
  bigVarints.set(value, bytes);
  return bytes;
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length += 1;
  return length;
}
