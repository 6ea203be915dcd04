import {
  createInbox,
  errors,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  type Subscription,
} from '@nats-io/transport-node';
import { BusClosedError, NoRespondersError, RequestTimeoutError } from './bus.ts';

export interface RequestOptions {
  timeoutMs: number;
  headers?: MsgHdrs;
}

/** A request that has no answer yet. */
interface OpenRequest {
  subject: string;
  resolve: (answer: Msg) => void;
  reject: (error: unknown) => void;
  deadline: NodeJS.Timeout;
}

/**
 * Requests over one connection, and their answers, which share a subscription. The client's own ones make half a dozen
 * promises and an error with its stack for each request that is answered: an idle node does hardly anything else, and a
 * store that is written to little.
 */
export class NatsRequests {
  readonly #nc: NatsConnection;
  readonly #inbox = `${createInbox()}.`;
  readonly #open = new Map<string, OpenRequest>();
  #answers: Subscription | null = null;
  #asked = 0;

  constructor(nc: NatsConnection) {
    this.#nc = nc;
    void this.#followRefusals();
    void nc.closed().then(() => this.#fail(closedError));
  }

  /**
   * Sends at once; resolves with the first answer.
   * @throws {NoRespondersError}
   * @throws {RequestTimeoutError}
   * @throws {BusClosedError}
   * @throws {InvalidArgumentError} it is larger than the server takes, and was not sent.
   */
  ask(subject: string, data: Uint8Array, { timeoutMs, headers }: RequestOptions): Promise<Msg> {
    if (this.#isClosing()) return Promise.reject(closedError(subject));
    this.#answers ??= this.#nc.subscribe(`${this.#inbox}*`, { callback: (error, answer) => this.#take(error, answer) });
    const token = (++this.#asked).toString(36);
    return new Promise((resolve, reject) => {
      const reply = this.#inbox + token;
      this.#nc.publish(subject, data, headers === undefined ? { reply } : { reply, headers });
      // Whoever closes it has no use for what else may be wrong, and must not try again.
      const fail = (error: unknown) => reject(this.#isClosing() ? closedError(subject) : error);
      const late = () => this.#settle(token)?.reject(timeoutError(subject, timeoutMs));
      this.#open.set(token, { subject, resolve, reject: fail, deadline: setTimeout(late, timeoutMs) });
    });
  }

  #isClosing(): boolean {
    return this.#nc.isClosed() || this.#nc.isDraining();
  }

  #take(error: Error | null, answer: Msg): void {
    if (error) {
      // The server does not let it listen: the next request finds out whether it does now.
      this.#answers = null;
      return this.#fail(() => error);
    }
    const request = this.#settle(answer.subject.slice(this.#inbox.length));
    if (!request) return;
    const isNobody = answer.data.length === 0 && answer.headers?.code === 503;
    if (isNobody) request.reject(new NoRespondersError(`nobody listens on ${request.subject}`));
    else request.resolve(answer);
  }

  #settle(token: string): OpenRequest | undefined {
    const request = this.#open.get(token);
    this.#open.delete(token);
    clearTimeout(request?.deadline);
    return request;
  }

  /** `errorFor`: null where the request may still be answered. */
  #fail(errorFor: (subject: string) => Error | null): void {
    for (const [token, { subject }] of [...this.#open]) {
      const error = errorFor(subject);
      if (error) this.#settle(token)?.reject(error);
    }
  }

  /** What may not be asked is told at once, not when its time is over. */
  async #followRefusals(): Promise<void> {
    for await (const status of this.#nc.status()) {
      if (status.type !== 'error' || !(status.error instanceof errors.PermissionViolationError)) continue;
      const { error } = status;
      if (error.operation === 'publish') this.#fail((subject) => (subject === error.subject ? error : null));
    }
  }
}

function closedError(subject: string): BusClosedError {
  return new BusClosedError(`the connection is closed, ${subject} cannot be asked`);
}

function timeoutError(subject: string, timeoutMs: number): RequestTimeoutError {
  return new RequestTimeoutError(`no reply on ${subject} within ${timeoutMs} ms`);
}
