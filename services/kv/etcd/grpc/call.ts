import type { ServerStream } from '../http2/serverStream.ts';
import type { Sendable } from '../wire/codec.ts';
import type { GrpcStatus } from './grpcStatus.ts';

/** What a handler may know about the call that it answers. */
export interface Call {
  /** The client's metadata of that name. */
  metadata(name: string): string | undefined;
  /** Whom the client's certificate names, where that counts. */
  readonly user: string | undefined;
  /** The call is over: answered, or the client has gone away. */
  readonly closed: boolean;
  /** Called once, when the call is over; at once where it is already. */
  onClosed(listener: () => void): void;
}

/** A call whose answer is a stream. */
export interface StreamCall<Response> extends Call {
  /** False: the client does not read as fast; wait for `onDrain` before sending more. Does nothing once it is over. */
  send(message: Sendable<Response>): boolean;
  onDrain(listener: () => void): void;
  /** Ends the call; without a status it ended well. */
  end(status?: GrpcStatus): void;
}

/** A call on a stream of an HTTP/2 connection. */
export class HttpCall implements Call {
  readonly user: string | undefined;
  readonly #stream: ServerStream;

  constructor(stream: ServerStream, { user }: { user?: string }) {
    this.user = user;
    this.#stream = stream;
  }

  metadata(name: string): string | undefined {
    return this.#stream.headers.get(name);
  }

  get closed(): boolean {
    return this.#stream.closed;
  }

  onClosed(listener: () => void): void {
    this.#stream.onClosed(listener);
  }
}
