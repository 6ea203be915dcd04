import { NoRespondersError, RequestTimeoutError } from '../shared/bus/bus.ts';
import { FailureError } from './errors.ts';
import { shortId } from './words.ts';

/** Nobody answers, or not in time. */
export function isSilence(error: unknown): boolean {
  return error instanceof NoRespondersError || error instanceof RequestTimeoutError;
}

/** What a node's silence means to people; any other error as it is. */
export function nodeGone(machine: string, cause: unknown): unknown {
  if (!isSilence(cause)) return cause;
  return new FailureError(`the node of machine ${shortId(machine)} does not answer; see: flotilla list-machines`, {
    cause,
  });
}
