import type { Bytes } from '../../../shared/domain/kv.ts';

/** A snapshot that is no snapshot, or not all of one. */
export class SnapshotError extends Error {
  override readonly name = 'SnapshotError';
}

/** Reads what `ByteWriter` has written, from chunks of any size. */
export class ByteReader {
  readonly #chunks: Iterator<Uint8Array>;
  #chunk: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(chunks: Iterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.iterator]();
  }

  number(): number {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
      factor *= 0x80;
    }
    if (!Number.isSafeInteger(value)) throw new SnapshotError('A number of the snapshot is too large.');
    return value;
  }

  /** Flat and in memory of its own. */
  bytes(): Bytes {
    const length = this.number();
    if (length === 0) return '';
    if (this.#at + length <= this.#chunk.length) return this.#slice(length);
    const parts: Buffer[] = [];
    let missing = length;
    while (missing > 0) {
      this.#fill();
      const part = this.#chunk.subarray(this.#at, this.#at + missing);
      parts.push(part);
      this.#at += part.length;
      missing -= part.length;
    }
    return Buffer.concat(parts).toString('latin1');
  }

  text(): string {
    return Buffer.from(this.bytes(), 'latin1').toString('utf8');
  }

  /** Throws where more follows. */
  end(): void {
    if (this.#at < this.#chunk.length || !this.#isLast()) throw new SnapshotError('Something follows the snapshot.');
  }

  #slice(length: number): Bytes {
    const bytes = this.#chunk.toString('latin1', this.#at, this.#at + length);
    this.#at += length;
    return bytes;
  }

  #byte(): number {
    this.#fill();
    return this.#chunk[this.#at++] as number;
  }

  /** Makes sure that at least one byte is there. */
  #fill(): void {
    while (this.#at === this.#chunk.length) {
      const next = this.#chunks.next();
      if (next.done) throw new SnapshotError('The snapshot ends in the middle.');
      this.#use(next.value);
    }
  }

  #isLast(): boolean {
    for (let next = this.#chunks.next(); !next.done; next = this.#chunks.next()) {
      if (next.value.length > 0) return false;
    }
    return true;
  }

  #use(chunk: Uint8Array): void {
    this.#chunk = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#at = 0;
  }
}
