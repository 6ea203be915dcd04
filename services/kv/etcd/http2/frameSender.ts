import type { Socket } from 'node:net';
import type { FlushTurns } from './flushTurns.ts';
import { frame, numberFrame, wholeResponse } from './frames.ts';
import { defaultTableBytes } from './headerTables.ts';
import { OutputBuffer } from './outputBuffer.ts';
import { defaultMaxFrameBytes, defaultWindow, Flag, FrameType } from './protocol.ts';
import type { ServerStream, StreamOutlet } from './serverStream.ts';

/** Answers that a client has no window for may take so much, bytes; then it is not a client any more. */
const maxQueuedBytes = 512 * 1024 * 1024;
/** A decoder whose table was made smaller wants to be told that it is not used (RFC 7541, section 4.2). */
const emptyTable = Buffer.from([0x20]);

/** Sends what the streams of a connection have to say, as the client's windows and the socket have room (RFC 9113, 5.2). */
export class FrameSender implements StreamOutlet {
  readonly #socket: Socket;
  readonly #output: OutputBuffer;
  readonly #onOver: (stream: ServerStream) => void;
  /** Those that have something to send, in the order of their turns. */
  readonly #waiting = new Set<ServerStream>();
  /** Bytes that the client still takes, of all streams together. */
  window = defaultWindow;
  /** What waits in all of them, bytes. */
  #queuedBytes = 0;
  #mustEmptyTable = false;

  /** `onOver`: a stream has been answered, or given up. */
  constructor(socket: Socket, flushes: FlushTurns, onOver: (stream: ServerStream) => void) {
    this.#socket = socket;
    this.#onOver = onOver;
    this.#output = new OutputBuffer(socket, flushes, () => {
      this.resume();
      if (!this.#output.isFull) socket.resume();
    });
  }

  /** Of the connection itself: it waits for no window. */
  send(bytes: Buffer): void {
    this.#output.write(bytes);
    // Who does not read what it is answered is not listened to: pings would pile up.
    if (this.#output.isFull) this.#socket.pause();
  }

  flush(): void {
    this.#output.flush();
  }

  /** The client's decoder remembers so much, bytes. */
  limitTable(bytes: number): void {
    this.#mustEmptyTable ||= bytes < defaultTableBytes;
  }

  sendWhole(stream: ServerStream, headers: Buffer, data: Buffer, trailers: Buffer): boolean {
    const most = Math.min(this.window, stream.sendWindow, defaultMaxFrameBytes);
    if (data.length > most || this.#output.isFull || this.#mustEmptyTable || this.#waiting.size > 0) return false;
    this.window -= data.length;
    this.send(wholeResponse(stream.id, headers, data, trailers));
    return true;
  }

  sendHeaders(stream: ServerStream, block: Buffer, endStream: boolean): void {
    const whole = this.#mustEmptyTable ? Buffer.concat([emptyTable, block]) : block;
    this.#mustEmptyTable = false;
    const end = endStream ? Flag.EndStream : 0;
    for (let offset = 0; offset === 0 || offset < whole.length; offset += defaultMaxFrameBytes) {
      const part = whole.subarray(offset, offset + defaultMaxFrameBytes);
      const last = offset + part.length === whole.length ? Flag.EndHeaders : 0;
      const type = offset === 0 ? FrameType.Headers : FrameType.Continuation;
      this.send(frame(type, offset === 0 ? end | last : last, stream.id, part));
    }
  }

  countQueued(bytes: number): void {
    this.#queuedBytes += bytes;
    if (this.#queuedBytes > maxQueuedBytes) this.#socket.destroy();
  }

  sendFrom(stream: ServerStream): void {
    this.#waiting.add(stream);
    this.resume();
  }

  sendReset(stream: ServerStream, code: number): void {
    this.send(numberFrame(FrameType.RstStream, stream.id, code));
  }

  giveCredit(stream: ServerStream, bytes: number): void {
    if (!stream.receivedAll) this.send(numberFrame(FrameType.WindowUpdate, stream.id, bytes));
  }

  forget(stream: ServerStream): void {
    this.#waiting.delete(stream);
    this.#onOver(stream);
  }

  /** The same for one stream, whose own window has grown. */
  resumeOne(stream: ServerStream): void {
    let progress = true;
    while (progress && this.#waiting.has(stream) && !this.#output.isFull) progress = this.#sendNext(stream);
  }

  /** Sends what waits, a frame of each stream in turn, as long as there is room. */
  resume(): void {
    for (let progress = true; progress && this.#waiting.size > 0; ) {
      progress = false;
      for (const stream of [...this.#waiting]) {
        if (this.#output.isFull) return;
        progress = this.#sendNext(stream) || progress;
      }
    }
  }

  /** False: it has to wait. */
  #sendNext(stream: ServerStream): boolean {
    if (stream.closed) return false;
    const room = Math.min(this.window, stream.sendWindow, defaultMaxFrameBytes);
    const data = room > 0 ? stream.take(room) : null;
    if (data !== null) {
      this.window -= data.length;
      stream.sendWindow -= data.length;
      this.send(frame(FrameType.Data, 0, stream.id, data));
    }
    if (stream.queuedBytes > 0) return data !== null;
    this.#waiting.delete(stream);
    if (stream.ending === null) stream.drained();
    else {
      this.sendHeaders(stream, stream.ending, true);
      stream.ended();
    }
    return true;
  }
}
