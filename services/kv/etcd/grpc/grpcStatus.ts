/** gRPC's status codes (grpc.io, "Status codes and their use in gRPC"). */
export const GrpcCode = {
  Ok: 0,
  Cancelled: 1,
  Unknown: 2,
  InvalidArgument: 3,
  NotFound: 5,
  PermissionDenied: 7,
  ResourceExhausted: 8,
  FailedPrecondition: 9,
  OutOfRange: 11,
  Unimplemented: 12,
  Internal: 13,
  Unavailable: 14,
  DataLoss: 15,
  Unauthenticated: 16,
} as const;

/** How a call ended that did not end well. A refusal is returned, not thrown. */
export class GrpcStatus {
  readonly code: number;
  readonly message: string;

  constructor(code: number, message: string) {
    this.code = code;
    this.message = message;
  }
}

/** `grpc-message` is percent-encoded: printable ASCII but `%` stands for itself. */
export function encodeGrpcMessage(message: string): string {
  return message.replace(/[^ -$&-~]+/g, (run) => {
    const bytes = Buffer.from(run);
    return Array.from(bytes, (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
  });
}
