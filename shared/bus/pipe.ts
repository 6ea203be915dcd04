/**
 * A pipe for frames between two ends that each have an inbox: numbered, in order, and with no more of them under way than
 * the other end has room for. Core NATS may lose messages when a connection breaks: then the pipe ends, with the reason.
 */
import { encodeJson } from '../protocol/json.ts';
import type { PipeMessage } from '../protocol/pipe.ts';
import type { Bus, BusMessage, Subscription } from './bus.ts';

export interface PipeOptions<In> {
  bus: Bus;
  /** Where this end listens; {@link Pipe.peer} is where it sends to. */
  inbox: string;
  /** What came; null: it is no message of a pipe. */
  decode: (data: Uint8Array) => PipeMessage<In> | null;
  /** Deals with a frame; the next one waits for it. */
  onFrame: (frame: In) => void | Promise<void>;
  /** Frames were lost, or one could not be dealt with: nothing more comes. */
  onBroken: (error: Error) => void;
  /** The other end has sent something. */
  onHeard?: () => void;
}

export class PipeBrokenError extends Error {
  override readonly name = 'PipeBrokenError';
}

/** At some 32 KiB each, what a NATS server holds for a slow reader without cutting it off. */
const window = 64;
const ackEvery = 16;

export class Pipe<Out, In> {
  readonly #options: PipeOptions<In>;
  readonly #subscription: Subscription;
  readonly #queue: In[] = [];
  #peer: string | null;
  #sent = 0;
  #acknowledged = 0;
  #received = 0;
  #done = 0;
  #told = 0;
  #working = false;
  #closed = false;
  #room: (() => void)[] = [];

  constructor(options: PipeOptions<In>, peer: string | null) {
    this.#options = options;
    this.#peer = peer;
    this.#subscription = options.bus.subscribe(options.inbox, (message) => this.#hear(message));
  }

  /** Where the other end listens, as soon as that is known; frames may have come before. */
  set peer(subject: string) {
    this.#peer = subject;
    this.#acknowledge();
    this.#wake();
  }

  /** Resolves when there was room for the frame, and it has been sent; nothing is sent any more once it is closed. */
  async send(frame: Out): Promise<void> {
    while ((this.#peer === null || this.#sent - this.#acknowledged >= window) && !this.#closed) {
      await new Promise<void>((resolve) => this.#room.push(resolve));
    }
    if (this.#closed) return;
    this.#sent += 1;
    this.#publish({ n: this.#sent, frame });
  }

  /** @throws {NoRespondersError | RequestTimeoutError} the other end is not there. */
  async askAlive(timeoutMs: number): Promise<void> {
    if (this.#peer !== null) await this.#options.bus.request(this.#peer, encodeJson({ alive: true }), { timeoutMs });
  }

  close(): void {
    this.#closed = true;
    this.#subscription.unsubscribe();
    this.#wake();
  }

  #hear(came: BusMessage): void {
    const message = this.#options.decode(came.data);
    if (message === null) return;
    this.#options.onHeard?.();
    if ('alive' in message) came.respond(new Uint8Array());
    else this.#take(message);
  }

  #take(message: Exclude<PipeMessage<In>, { alive: true }>): void {
    if (this.#closed) return;
    if ('took' in message) {
      this.#acknowledged = Math.max(this.#acknowledged, message.took);
      return this.#wake();
    }
    if (message.n !== this.#received + 1) {
      return this.#break(new PipeBrokenError('the connection broke off: a part of what was sent is lost'));
    }
    this.#received = message.n;
    this.#queue.push(message.frame);
    if (!this.#working) void this.#work();
  }

  async #work(): Promise<void> {
    this.#working = true;
    try {
      for (let frame = this.#queue.shift(); frame !== undefined && !this.#closed; frame = this.#queue.shift()) {
        await this.#options.onFrame(frame);
        this.#done += 1;
        if (this.#done - this.#told >= ackEvery || this.#queue.length === 0) this.#acknowledge();
      }
    } catch (error) {
      this.#break(error instanceof Error ? error : new PipeBrokenError(String(error)));
    } finally {
      this.#working = false;
    }
  }

  #acknowledge(): void {
    if (this.#peer === null || this.#done === this.#told) return;
    this.#told = this.#done;
    this.#publish({ took: this.#done });
  }

  #publish(message: PipeMessage<Out>): void {
    if (this.#peer !== null) this.#options.bus.publish(this.#peer, encodeJson(message));
  }

  #break(error: Error): void {
    if (this.#closed) return;
    this.close();
    this.#options.onBroken(error);
  }

  #wake(): void {
    for (const resolve of this.#room.splice(0)) resolve();
  }
}
