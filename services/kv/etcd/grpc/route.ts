import type { ServerStream } from '../http2/serverStream.ts';
import type { Codec } from '../wire/codec.ts';
import type { StreamCall } from './call.ts';
import { GrpcCode, GrpcStatus } from './grpcStatus.ts';

/** What calls have in common: limits, and who is told of bugs. */
export interface CallEnvironment {
  /** Of a request. Larger ones are refused with {@link requestTooLarge}. */
  maxRequestBytes: number;
  requestTooLarge: GrpcStatus;
  /** Counts a request of so many bytes that begins; a status: too many, or too much, are in progress. */
  enter(bytes: number): GrpcStatus | null;
  /** A request that was counted is answered. */
  leave(bytes: number): void;
  /** Whom the client's certificate names. */
  user?: string;
  /** An exception of a handler: its call has ended with `Internal`, nothing else. */
  onError(error: unknown): void;
}

/** A client that makes a call in another way than over gRPC, and has said all that it has to say. */
export interface Peer {
  /**
   * Its requests, as gRPC would have sent them: so they are limited, and have their defaults, as all are. A status: the
   * next one is none of that kind.
   */
  requests<Request>(codec: Codec<Request>): Iterable<Buffer | GrpcStatus>;
  call<Response>(codec: Codec<Response>): StreamCall<Response> & {
    /** Resolves when its client has taken what was sent, or has gone. */
    whenRoom(): Promise<void>;
  };
}

/** One remote procedure and how its calls are answered. */
export interface Route {
  path: string;
  /** Whether its answer is a stream. */
  streams: boolean;
  /** Over gRPC. */
  open(stream: ServerStream, environment: CallEnvironment): void;
  /** In any other way. */
  converse(peer: Peer, environment: CallEnvironment): Promise<void>;
}

/**
 * Of a message, so much more than of a request is read that an oversize request is refused in etcd's words, not in gRPC's.
 */
export const frameOverheadBytes = 512 * 1024;

export const internalError = new GrpcStatus(GrpcCode.Internal, 'the server failed to answer; its log says why');

export function malformed(reason: string): GrpcStatus {
  return new GrpcStatus(GrpcCode.Internal, `grpc: failed to unmarshal the received message: ${reason}`);
}
