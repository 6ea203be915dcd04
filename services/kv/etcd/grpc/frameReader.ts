import { GrpcCode, GrpcStatus } from './grpcStatus.ts';

const prefixBytes = 5;

/** Cuts what arrives into gRPC's messages: a byte that says whether it is compressed, four of length, the message. */
export class FrameReader {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /** Something came that is not a whole message yet. */
  get isWithinMessage(): boolean {
    return this.#bytes > 0;
  }

  /** The next message; null: it has not come whole. A status: nothing can be read after this. */
  next(): Buffer | GrpcStatus | null {
    if (this.#bytes < prefixBytes) return null;
    const prefix = this.#first(prefixBytes);
    const end = prefixBytes + prefix.readUInt32BE(1);
    if (prefix[0] !== 0) return new GrpcStatus(GrpcCode.Unimplemented, 'compressed messages are not supported');
    if (end - prefixBytes > this.#maxBytes) return tooLarge(end - prefixBytes, this.#maxBytes);
    if (this.#bytes < end) return null;
    const data = this.#first(end);
    this.#take(data, end);
    return data.subarray(prefixBytes, end);
  }

  /** A buffer that begins with the first `bytes` of what came. */
  #first(bytes: number): Buffer {
    const [first] = this.#chunks;
    if (first !== undefined && first.length >= bytes) return first;
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }

  #take(first: Buffer, bytes: number): void {
    this.#bytes -= bytes;
    if (first.length === bytes) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(bytes);
  }
}

function tooLarge(bytes: number, maxBytes: number): GrpcStatus {
  return new GrpcStatus(
    GrpcCode.ResourceExhausted,
    `grpc: received message larger than max (${bytes} vs. ${maxBytes})`,
  );
}
