import type { Bytes } from '../../../shared/domain/kv.ts';

/** Writes numbers and bytes one after the other into chunks of one size. {@link ByteReader} reads them in the same order. */
export class ByteWriter {
  readonly #chunkSize: number;
  #chunk: Buffer;
  #at = 0;
  #full: Uint8Array[] = [];

  constructor(chunkSize: number) {
    this.#chunkSize = chunkSize;
    this.#chunk = Buffer.allocUnsafe(chunkSize);
  }

  /** Whether {@link takeFull} has something. */
  get hasFull(): boolean {
    return this.#full.length > 0;
  }

  /** A whole number from 0 to 2^53: seven bits a byte, the lowest first, the eighth says that more follow. */
  number(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.#byte(rest);
  }

  /** Their length, then they themselves. */
  bytes(bytes: Bytes): void {
    this.number(bytes.length);
    let done = 0;
    while (done < bytes.length) {
      if (this.#at === this.#chunkSize) this.#next();
      const part = done === 0 ? bytes : bytes.slice(done);
      const written = this.#chunk.write(part, this.#at, 'latin1');
      this.#at += written;
      done += written;
    }
  }

  /** Any text, as UTF-8. */
  text(text: string): void {
    this.bytes(Buffer.from(text, 'utf8').toString('latin1'));
  }

  /** The chunks that are full since they were last taken. */
  takeFull(): Uint8Array[] {
    const full = this.#full;
    this.#full = [];
    return full;
  }

  /** The last one, which may be shorter. */
  takeRest(): Uint8Array {
    return this.#chunk.subarray(0, this.#at);
  }

  #byte(byte: number): void {
    if (this.#at === this.#chunkSize) this.#next();
    this.#chunk[this.#at++] = byte;
  }

  #next(): void {
    this.#full.push(this.#chunk);
    this.#chunk = Buffer.allocUnsafe(this.#chunkSize);
    this.#at = 0;
  }
}
