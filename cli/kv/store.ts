import { NoLeaderError } from '../../shared/bus/askPatiently.ts';
import { describeKvError, type KvAnswer, type KvClient } from '../../shared/bus/kvClient.ts';
import type { KvError } from '../../shared/domain/kv.ts';
import { withClient } from '../client.ts';
import { FailureError } from '../errors.ts';
import type { Invocation } from '../verb.ts';

/**
 * Does something with the key/value store of the cluster that is meant.
 * @throws {FailureError} no store answers.
 */
export function withStore<T>(call: Invocation, use: (store: KvClient) => Promise<T>): Promise<T> {
  return withClient(call, async ({ kv }) => {
    try {
      return await use(kv);
    } catch (error) {
      throw error instanceof NoLeaderError ? noStore(error) : error;
    }
  });
}

function noStore(cause: NoLeaderError): FailureError {
  const details = [
    'see that a store runs ("flotilla up" has one, "flotilla kv serve" is one) and look at its log',
    ...(cause.unanswered ? ['what was asked may have been done all the same'] : []),
  ];
  return new FailureError(`no key/value store answered: ${cause.message}`, { details, cause });
}

/** @throws {FailureError} the store has refused. */
export function orFail<T>(answer: KvAnswer<T>): { revision: number; response: T } {
  if (answer.ok) return answer;
  throw refusal(answer.error);
}

export function refusal(error: KvError): FailureError {
  return new FailureError(describeKvError(error));
}
