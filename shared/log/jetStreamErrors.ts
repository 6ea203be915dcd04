/** What the answers of JetStream mean for a log. */
import { JetStreamApiError } from '@nats-io/jetstream';
import { errors } from '@nats-io/transport-node';
import { ConnectionLostError } from './connectionLost.ts';
import { AppendRefusedError, OutcomeUnknownError } from './eventLog.ts';

/** Error codes, as in https://github.com/nats-io/nats-server/blob/main/server/errors.json */
const codes = {
  insufficientResources: 10023,
  streamNameExists: 10058,
  streamNotFound: 10059,
  wrongLastSequence: 10071,
  storeFailed: 10077,
  duplicateInFlight: 10158,
  wrongLastSequenceUnknown: 10164,
};

/** Status of passing troubles: no leader at the moment, an election, a server that shuts down. */
const statusUnavailable = 503;

/** True when the append lost against another one. */
export function isWrongSequence(error: unknown): boolean {
  return hasCode(error, codes.wrongLastSequence, codes.wrongLastSequenceUnknown);
}

export function isStreamNotFound(error: unknown): boolean {
  return hasCode(error, codes.streamNotFound);
}

/** There is a stream of that name, with another configuration. */
export function isStreamNameTaken(error: unknown): boolean {
  return hasCode(error, codes.streamNameExists);
}

/** The error that an append ends with whose answer was `cause`. */
export function appendError(subject: string, cause: unknown): Error {
  return isRefusal(cause)
    ? new AppendRefusedError(`the log refused a message on ${subject}: ${messageOf(cause)}`, { cause })
    : new OutcomeUnknownError(`no answer to an append on ${subject}: ${messageOf(cause)}`, { cause });
}

function isRefusal(cause: unknown): boolean {
  // The client refuses by itself what is larger than the server's max_payload.
  if (cause instanceof errors.InvalidArgumentError) return true;
  // The same id is being stored at this moment; whether it will be is not known yet.
  if (!(cause instanceof JetStreamApiError) || hasCode(cause, codes.duplicateInFlight)) return false;
  // Full storage has the status of passing troubles, too.
  return cause.status !== statusUnavailable || hasCode(cause, codes.insufficientResources, codes.storeFailed);
}

/**
 * True when trying again may help: JetStream has no leader, or is not ready, or the connection is away. Clients then see
 * time-outs, "no responders" (which the client wraps as "jetstream is not enabled"), and answers with status 503.
 */
export function isPassing(error: unknown): boolean {
  if (error instanceof JetStreamApiError) return error.status === statusUnavailable;
  if (error instanceof ConnectionLostError) return true;
  if (error instanceof errors.TimeoutError || error instanceof errors.RequestError) return true;
  return error instanceof Error && error.cause !== undefined && isPassing(error.cause);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function hasCode(error: unknown, ...wanted: number[]): boolean {
  return error instanceof JetStreamApiError && wanted.includes(error.code);
}
