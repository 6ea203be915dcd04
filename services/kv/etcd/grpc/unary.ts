import type { ServerStream } from '../http2/serverStream.ts';
import type { Codec, Method, Sendable } from '../wire/codec.ts';
import { MalformedMessageError, ProtoReader } from '../wire/protoReader.ts';
import { type Call, HttpCall } from './call.ts';
import { FrameReader } from './frameReader.ts';
import { GrpcCode, GrpcStatus } from './grpcStatus.ts';
import { frameOf, respondStatus, respondWith } from './respond.ts';
import { type CallEnvironment, frameOverheadBytes, internalError, malformed, type Route } from './route.ts';

type Answer<Response> = Sendable<Response> | GrpcStatus;

/** Answers a call of one request and one response. */
export type UnaryHandler<Request, Response> = (
  request: Request,
  call: Call,
) => Answer<Response> | Promise<Answer<Response>>;

/** The procedure that this handler answers. */
export function unary<Request, Response>(
  method: Method<Request, Response>,
  handle: UnaryHandler<Request, Response>,
): Route {
  return {
    path: method.path,
    streams: false,
    open(stream, environment) {
      receiveOne(stream, environment, (message) => {
        const request = decode(method.request, message, environment);
        if (request instanceof GrpcStatus) return respondStatus(stream, request);
        const full = environment.enter(message.length);
        if (full !== null) return respondStatus(stream, full);
        const { length } = message;
        void answer(stream, environment, length, method.response, () =>
          handle(request, new HttpCall(stream, environment)),
        );
      });
    },
    async converse(peer, environment) {
      const call = peer.call(method.response);
      const respond = async (message: Buffer): Promise<GrpcStatus | undefined> => {
        const request = decode(method.request, message, environment);
        if (request instanceof GrpcStatus) return request;
        const full = environment.enter(message.length);
        if (full !== null) return full;
        try {
          const response = await handle(request, call);
          if (response instanceof GrpcStatus) return response;
          call.send(response);
          return undefined;
        } finally {
          environment.leave(message.length);
        }
      };
      try {
        const [message = Buffer.alloc(0)] = peer.requests(method.request);
        call.end(message instanceof GrpcStatus ? message : await respond(message));
      } catch (error) {
        environment.onError(error);
        call.end(internalError);
      }
    },
  };
}

/** Reads the request; `onMessage` is called with it, at most once. */
function receiveOne(stream: ServerStream, environment: CallEnvironment, onMessage: (message: Buffer) => void) {
  const frames = new FrameReader(environment.maxRequestBytes + frameOverheadBytes);
  let done = false;
  function data(chunk: Buffer): void {
    if (done) return;
    frames.push(chunk);
    const message = frames.next();
    if (message === null) return;
    done = true;
    if (message instanceof GrpcStatus) return respondStatus(stream, message);
    try {
      onMessage(message);
    } catch (error) {
      environment.onError(error);
      respondStatus(stream, internalError);
    }
  }
  function end(): void {
    if (!done) respondStatus(stream, new GrpcStatus(GrpcCode.Internal, 'the call ended before its request'));
  }
  stream.receive({ data, end });
}

async function answer<Response>(
  stream: ServerStream,
  environment: CallEnvironment,
  requestBytes: number,
  codec: Codec<Response>,
  handle: () => Answer<Response> | Promise<Answer<Response>>,
): Promise<void> {
  try {
    const response = await handle();
    if (response instanceof GrpcStatus) respondStatus(stream, response);
    else respondWith(stream, frameOf(codec, response));
  } catch (error) {
    environment.onError(error);
    respondStatus(stream, internalError);
  } finally {
    environment.leave(requestBytes);
  }
}

/** The request, or why it is none. */
export function decode<Request>(
  codec: Codec<Request>,
  message: Buffer,
  environment: CallEnvironment,
): Request | GrpcStatus {
  if (message.length > environment.maxRequestBytes) return environment.requestTooLarge;
  try {
    return codec.read(new ProtoReader(message));
  } catch (error) {
    if (error instanceof MalformedMessageError) return malformed(error.message);
    throw error;
  }
}
