import { ByteQueue } from '../http2/byteQueue.ts';
import { GrpcCode, GrpcStatus } from './grpcStatus.ts';

const prefixBytes = 5;

/** Cuts what arrives into gRPC's messages: a byte that says whether it is compressed, four of length, the message. */
export class FrameReader {
  readonly #maxBytes: number;
  readonly #arrived = new ByteQueue();

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(chunk: Buffer): void {
    this.#arrived.push(chunk);
  }

  /** Something came that is not a whole message yet. */
  get isWithinMessage(): boolean {
    return this.#arrived.length > 0;
  }

  /** The next message; null: it has not come whole. A status: nothing can be read after this. */
  next(): Buffer | GrpcStatus | null {
    if (this.#arrived.length < prefixBytes) return null;
    const prefix = this.#arrived.first(prefixBytes);
    const end = prefixBytes + prefix.readUInt32BE(1);
    if (prefix[0] !== 0) return new GrpcStatus(GrpcCode.Unimplemented, 'compressed messages are not supported');
    if (end - prefixBytes > this.#maxBytes) return tooLarge(end - prefixBytes, this.#maxBytes);
    if (this.#arrived.length < end) return null;
    const message = this.#arrived.first(end).subarray(prefixBytes, end);
    this.#arrived.drop(end);
    return message;
  }
}

function tooLarge(bytes: number, maxBytes: number): GrpcStatus {
  return new GrpcStatus(
    GrpcCode.ResourceExhausted,
    `grpc: received message larger than max (${bytes} vs. ${maxBytes})`,
  );
}
