import { constants, type ServerHttp2Stream, type ServerStreamResponseOptions } from 'node:http2';
import type { Codec, Sendable } from '../wire/codec.ts';
import { ProtoWriter } from '../wire/protoWriter.ts';
import { encodeGrpcMessage, GrpcCode, type GrpcStatus } from './grpcStatus.ts';

export const responseHeaders = {
  ':status': 200,
  'content-type': 'application/grpc',
  'grpc-accept-encoding': 'identity',
};
/** Node knows an option that its types do not: a date in every response. gRPC has no use for it. */
export const responseOptions: ServerStreamResponseOptions & { sendDate: boolean } = {
  waitForTrailers: true,
  sendDate: false,
};
const okTrailers = { 'grpc-status': '0' };
const writer = new ProtoWriter();

/** The message as gRPC sends it, its length before it. */
export function frameOf<Response>(codec: Codec<Response>, message: Sendable<Response>): Buffer {
  try {
    codec.write(writer, message);
    writer.frame();
    return writer.finish();
  } catch (error) {
    writer.discard();
    throw error;
  }
}

/** The only answer of a call, and its good end. */
export function respondWith(stream: ServerHttp2Stream, frame: Buffer): void {
  if (stream.closed || stream.destroyed) return;
  stream.respond(responseHeaders, responseOptions);
  stream.once('wantTrailers', () => stream.sendTrailers(okTrailers));
  stream.end(frame);
}

/** Ends a call without an answer. What its client still sends is not read. */
export function respondStatus(stream: ServerHttp2Stream, status: GrpcStatus): void {
  if (stream.closed || stream.destroyed) return;
  // Half an answer is out: what is left is to break off.
  if (stream.headersSent) return stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  stream.respond({ ...responseHeaders, ...trailersOf(status) }, { endStream: true });
  stream.end();
  stream.close(constants.NGHTTP2_NO_ERROR);
}

export function trailersOf(status: GrpcStatus | undefined): Record<string, string> {
  if (status === undefined || status.code === GrpcCode.Ok) return okTrailers;
  return { 'grpc-status': String(status.code), 'grpc-message': encodeGrpcMessage(status.message) };
}
