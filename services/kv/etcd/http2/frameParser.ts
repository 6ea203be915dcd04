import { ConnectionError, defaultMaxFrameBytes, ErrorCode, frameHeaderBytes, preface } from './protocol.ts';

/** `payload` is part of what arrived: who keeps it keeps all of that. */
export type OnFrame = (type: number, flags: number, stream: number, payload: Buffer) => void;

/** Cuts what a client sends into frames, as it arrives. */
export class FrameParser {
  readonly #onFrame: OnFrame;
  #rest: Buffer = Buffer.alloc(0);
  #greeted = false;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /** @throws {ConnectionError} it is not HTTP/2, or a frame is larger than was agreed on. */
  push(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let offset = this.#greeted ? 0 : this.#greet(bytes);
    while (this.#greeted && bytes.length - offset >= frameHeaderBytes) {
      const length = bytes.readUIntBE(offset, 3);
      if (length > defaultMaxFrameBytes)
        throw new ConnectionError(ErrorCode.FrameSizeError, `a frame of ${length} bytes`);
      const start = offset + frameHeaderBytes;
      if (bytes.length - start < length) break;
      offset = start + length;
      const stream = bytes.readUInt32BE(start - 4) & 0x7fffffff;
      this.#onFrame(bytes[start - 6] ?? 0, bytes[start - 5] ?? 0, stream, bytes.subarray(start, offset));
    }
    this.#rest = offset === bytes.length ? nothing : bytes.subarray(offset);
  }

  /** Takes the connection preface (section 3.4) off, once it is there whole. */
  #greet(bytes: Buffer): number {
    if (!preface.subarray(0, bytes.length).equals(bytes.subarray(0, preface.length))) {
      throw new ConnectionError(ErrorCode.ProtocolError, 'it does not begin as HTTP/2 does');
    }
    this.#greeted = bytes.length >= preface.length;
    return this.#greeted ? preface.length : 0;
  }
}

const nothing = Buffer.alloc(0);
