/** Parts smaller than this are put together, bytes: an object for each would take many times what is in it. */
const smallBytes = 1024;
const blockBytes = 4096;

/** Bytes that wait, in the order in which they came. A sender of many small parts takes no more memory than of one large. */
export class ByteQueue {
  #parts: Buffer[] = [];
  #length = 0;
  /** What small parts are copied into: the last part is its beginning. */
  #block: Buffer | null = null;

  get length(): number {
    return this.#length;
  }

  push(part: Buffer): void {
    this.#length += part.length;
    if (this.#parts.length === 0 || part.length >= smallBytes) {
      this.#block = null;
      this.#parts.push(part);
    } else {
      this.#append(part);
    }
  }

  /** Takes the first part out, as large as it happens to be; undefined: nothing waits. */
  shift(): Buffer | undefined {
    const part = this.#parts.shift();
    if (this.#parts.length === 0) this.#block = null;
    this.#length -= part?.length ?? 0;
    return part;
  }

  /** A buffer that begins with the first `bytes` of what waits. */
  first(bytes: number): Buffer {
    const [first] = this.#parts;
    if (first !== undefined && first.length >= bytes) return first;
    const joined = Buffer.concat(this.#parts);
    this.#parts = [joined];
    this.#block = null;
    return joined;
  }

  /** Takes so many bytes out, all of them of the first part. */
  drop(bytes: number): void {
    const part = this.shift() as Buffer;
    if (part.length === bytes) return;
    this.#parts.unshift(part.subarray(bytes));
    this.#length += part.length - bytes;
  }

  #append(part: Buffer): void {
    const used = this.#block === null ? 0 : (this.#parts.at(-1) as Buffer).length;
    if (this.#block === null || used + part.length > blockBytes) {
      this.#block = Buffer.allocUnsafeSlow(blockBytes);
      part.copy(this.#block);
      this.#parts.push(this.#block.subarray(0, part.length));
    } else {
      part.copy(this.#block, used);
      this.#parts[this.#parts.length - 1] = this.#block.subarray(0, used + part.length);
    }
  }
}
