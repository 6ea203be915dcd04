import { encodeHeaders } from '../http2/encodeHeaders.ts';
import { ErrorCode } from '../http2/protocol.ts';
import type { ServerStream } from '../http2/serverStream.ts';
import type { Codec, Sendable } from '../wire/codec.ts';
import { ProtoWriter } from '../wire/protoWriter.ts';
import { encodeGrpcMessage, GrpcCode, type GrpcStatus } from './grpcStatus.ts';

const headers = { ':status': '200', 'content-type': 'application/grpc', 'grpc-accept-encoding': 'identity' };
/** What begins every answer. */
export const responseHeaders = encodeHeaders(headers);
const okTrailers = encodeHeaders({ 'grpc-status': '0' });
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
export function respondWith(stream: ServerStream, frame: Buffer): void {
  stream.answer(responseHeaders, frame, okTrailers);
}

/** Ends a call without an answer. What its client still sends is not read. */
export function respondStatus(stream: ServerStream, status: GrpcStatus): void {
  // Half an answer is out: what is left is to break off.
  if (stream.headersSent) return stream.reset(ErrorCode.InternalError);
  stream.respondAndEnd(encodeHeaders({ ...headers, ...statusHeaders(status) }));
}

export function trailersOf(status: GrpcStatus | undefined): Buffer {
  return status === undefined || status.code === GrpcCode.Ok ? okTrailers : encodeHeaders(statusHeaders(status));
}

function statusHeaders({ code, message }: GrpcStatus): Record<string, string> {
  return { 'grpc-status': String(code), 'grpc-message': encodeGrpcMessage(message) };
}
