/**
 * The port to core NATS: fire-and-forget messages and request/reply. Nothing on it is durable; whatever must be is on
 * the log. `natsBus.ts` is the real one, `memoryBus.ts` its twin; `bus.contract.ts` runs on both.
 */
export interface Bus {
  publish(subject: string, data: Uint8Array): void;

  /**
   * Calls `handler` for every message on a subject (`*` and `>` as in NATS). With `queue`, each message goes to one
   * subscriber of that queue group. The subscription survives reconnects.
   */
  subscribe(subject: string, handler: (message: BusMessage) => void, options?: { queue?: string }): Subscription;

  /**
   * Sends a request and resolves with the first reply.
   * @throws {NoRespondersError} nobody listens on that subject.
   * @throws {RequestTimeoutError} no reply within `timeoutMs`.
   * @throws {BusClosedError} the connection is closed.
   */
  request(subject: string, data: Uint8Array, options: { timeoutMs: number }): Promise<BusMessage>;

  /** A fresh subject that only this connection listens on, for several replies to one request. */
  createInbox(): string;

  /** True while the connection stands. */
  readonly connected: boolean;
  /** Calls `listener` at every loss and return of the connection; returns what takes it off again. */
  onConnectionChange(listener: (connected: boolean) => void): () => void;

  /** The largest message that it takes, bytes. */
  readonly maxPayload: number;

  /** Sends what is still to be sent and closes. */
  close(): Promise<void>;
}

export interface BusMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  /** The subject that a reply is awaited on. */
  readonly replyTo?: string;
  /** Answers a request; does nothing where no reply is awaited. */
  respond(data: Uint8Array): void;
}

export interface Subscription {
  unsubscribe(): void;
}

export class NoRespondersError extends Error {
  override readonly name = 'NoRespondersError';
}

export class RequestTimeoutError extends Error {
  override readonly name = 'RequestTimeoutError';
}

export class BusClosedError extends Error {
  override readonly name = 'BusClosedError';
}
