import type { Socket } from 'node:net';
import type { FlushTurns } from './flushTurns.ts';

/** Above it nothing is taken from the streams: who does not read makes its streams wait, not the memory grow. */
const highWaterBytes = 256 * 1024;

/** What is written in one go goes to the socket in one go. */
export class OutputBuffer {
  readonly #socket: Socket;
  readonly #flushes: FlushTurns;
  #parts: Buffer[] = [];
  #partBytes = 0;

  /** `onRoom`: the socket takes data again. */
  constructor(socket: Socket, flushes: FlushTurns, onRoom: () => void) {
    this.#socket = socket;
    this.#flushes = flushes;
    socket.on('drain', onRoom);
  }

  /** Not sent yet. */
  get bytes(): number {
    return this.#partBytes + this.#socket.writableLength;
  }

  get isFull(): boolean {
    return this.bytes >= highWaterBytes;
  }

  write(bytes: Buffer): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    if (this.#parts.push(bytes) === 1) this.#flushes.add(this);
    this.#partBytes += bytes.length;
  }

  flush(): void {
    const parts = this.#parts;
    if (parts.length === 0) return;
    this.#parts = [];
    this.#partBytes = 0;
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    const [only, ...others] = parts;
    if (only !== undefined && others.length === 0) return void this.#socket.write(only);
    this.#socket.cork();
    for (const part of parts) this.#socket.write(part);
    this.#socket.uncork();
  }
}
