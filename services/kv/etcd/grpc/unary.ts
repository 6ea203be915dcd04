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
      const outlet: Outlet<Response> = {
        respond: (response) => respondWith(stream, frameOf(method.response, response)),
        refuse: (status) => respondStatus(stream, status),
      };
      const call = new HttpCall(stream, environment);
      receiveOne(stream, environment, (message) => void answer(method, handle, { message, call, environment }, outlet));
    },
    async converse(peer, environment) {
      const call = peer.call(method.response);
      const outlet: Outlet<Response> = {
        respond: (response) => void call.send(response),
        refuse: (status) => call.end(status),
      };
      const [message = Buffer.alloc(0)] = peer.requests(method.request);
      if (message instanceof GrpcStatus) outlet.refuse(message);
      else await answer(method, handle, { message, call, environment }, outlet);
    },
  };
}

/** Where the only answer of a call goes. */
interface Outlet<Response> {
  respond(response: Sendable<Response>): void;
  refuse(status: GrpcStatus): void;
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
    if (message instanceof GrpcStatus) respondStatus(stream, message);
    else onMessage(message);
  }
  function end(): void {
    if (!done) respondStatus(stream, new GrpcStatus(GrpcCode.Internal, 'the call ended before its request'));
  }
  stream.receive({ data, end });
}

/** Never rejects: what a handler throws is told, and its call is refused. */
async function answer<Request, Response>(
  method: Method<Request, Response>,
  handle: UnaryHandler<Request, Response>,
  { message, call, environment }: { message: Buffer; call: Call; environment: CallEnvironment },
  outlet: Outlet<Response>,
): Promise<void> {
  let isCounted = false;
  try {
    const request = decode(method.request, message, environment);
    if (request instanceof GrpcStatus) return outlet.refuse(request);
    const full = environment.enter(message.length);
    if (full !== null) return outlet.refuse(full);
    isCounted = true;
    const response = await handle(request, call);
    if (response instanceof GrpcStatus) outlet.refuse(response);
    else outlet.respond(response);
  } catch (error) {
    environment.onError(error);
    outlet.refuse(internalError);
  } finally {
    if (isCounted) environment.leave(message.length);
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
