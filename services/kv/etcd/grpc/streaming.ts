import type { ServerStream } from '../http2/serverStream.ts';
import type { Codec, Method, Sendable } from '../wire/codec.ts';
import { HttpCall, type StreamCall } from './call.ts';
import { FrameReader } from './frameReader.ts';
import { GrpcCode, GrpcStatus } from './grpcStatus.ts';
import { frameOf, respondStatus, responseHeaders, trailersOf } from './respond.ts';
import { type CallEnvironment, frameOverheadBytes, internalError, type Route } from './route.ts';
import { decode } from './unary.ts';

/** What a call whose answer is a stream does with what its client sends. */
export interface StreamHandler<Request> {
  /** The next one is not read before what this returns has resolved. */
  message(request: Request): void | Promise<void>;
  /** The client will send no more. */
  end?(): void;
}

/** The procedure whose calls are answered by what `begin` makes for each. */
export function streaming<Request, Response>(
  method: Method<Request, Response>,
  begin: (call: StreamCall<Response>) => StreamHandler<Request>,
): Route {
  return {
    path: method.path,
    streams: true,
    open(stream, environment) {
      const call = createStreamCall(stream, environment, method.response);
      try {
        receive(stream, call, method.request, begin(call), environment);
      } catch (error) {
        environment.onError(error);
        call.end(internalError);
      }
    },
    async converse(peer, environment) {
      const call = peer.call(method.response);
      try {
        const handler = begin(call);
        for (const message of peer.requests(method.request)) {
          if (call.closed) return;
          const request = message instanceof GrpcStatus ? message : decode(method.request, message, environment);
          if (request instanceof GrpcStatus) return call.end(request);
          await handler.message(request);
          await call.whenRoom();
        }
        handler.end?.();
      } catch (error) {
        environment.onError(error);
        call.end(internalError);
      }
    },
  };
}

function receive<Request, Response>(
  stream: ServerStream,
  call: StreamCall<Response>,
  codec: Codec<Request>,
  handler: StreamHandler<Request>,
  environment: CallEnvironment,
): void {
  const frames = new FrameReader(environment.maxRequestBytes + frameOverheadBytes);
  let ended = false;
  let busy = false;
  async function takeMessages(): Promise<void> {
    if (busy) return;
    busy = true;
    try {
      for (let message = frames.next(); message !== null && !call.closed; message = frames.next()) {
        const request = message instanceof GrpcStatus ? message : decode(codec, message, environment);
        if (request instanceof GrpcStatus) return call.end(request);
        const handled = handler.message(request);
        if (handled === undefined) continue;
        stream.pause();
        await handled;
        stream.resume();
      }
      if (ended && !call.closed) finish();
    } catch (error) {
      environment.onError(error);
      call.end(internalError);
    } finally {
      busy = false;
    }
  }
  function finish(): void {
    if (frames.isWithinMessage) call.end(new GrpcStatus(GrpcCode.Internal, 'the call ended within a message'));
    else handler.end?.();
  }
  stream.receive({
    data(chunk) {
      frames.push(chunk);
      void takeMessages();
    },
    end() {
      ended = true;
      void takeMessages();
    },
  });
}

function createStreamCall<Response>(
  stream: ServerStream,
  environment: CallEnvironment,
  codec: Codec<Response>,
): StreamCall<Response> {
  let ended = false;
  const call = new HttpCall(stream, environment);
  return Object.assign(call, {
    send(message: Sendable<Response>): boolean {
      if (ended || call.closed) return false;
      stream.respond(responseHeaders);
      return stream.write(frameOf(codec, message));
    },
    onDrain(listener: () => void): void {
      stream.onDrain(listener);
    },
    end(reason?: GrpcStatus): void {
      if (ended || call.closed) return;
      ended = true;
      if (!stream.headersSent && reason !== undefined) return respondStatus(stream, reason);
      stream.respond(responseHeaders);
      stream.end(trailersOf(reason));
    },
  });
}
