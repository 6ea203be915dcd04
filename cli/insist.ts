import { NoRespondersError, RequestTimeoutError } from '../shared/bus/bus.ts';
import { type Clock, delay } from '../shared/clock/clock.ts';
import { FailureError } from './errors.ts';

/** What one try came to. */
export type Attempt<T> =
  | { value: T }
  /** Somebody answered who cannot help at the moment: why. */
  | { retry: string };

export interface Insistence {
  clock: Clock;
  /** Where it is asked, for messages. */
  address: string;
  /** Told once when it takes long. */
  onWaiting: (line: string) => void;
  patienceMs: number;
  /** How long one try may take. */
  attemptMs: number;
  /** A try without an answer may have had its effect. */
  mayHaveWorked: boolean;
}

const tellAfterMs = 2_000;
const retryMs = { min: 50, max: 500 };

/**
 * Tries until somebody answers: a scheduler that dies is succeeded by another one, and NATS comes back.
 * @throws {FailureError} not within `patienceMs`.
 */
export async function insist<T>(options: Insistence, attempt: (timeoutMs: number) => Promise<Attempt<T>>): Promise<T> {
  const { clock, patienceMs, attemptMs, onWaiting } = options;
  const deadline = clock.monotonicNow() + patienceMs;
  const tell = clock.setTimeout(() => onWaiting('waiting for a scheduler that leads…'), tellAfterMs);
  let unanswered = false;
  try {
    for (let waitMs = retryMs.min; ; waitMs = Math.min(waitMs * 2, retryMs.max)) {
      const outcome = await tryOnce(attempt, Math.max(1, Math.min(attemptMs, deadline - clock.monotonicNow())));
      if ('value' in outcome) return outcome.value;
      unanswered ||= outcome.unanswered;
      if (clock.monotonicNow() + waitMs >= deadline) throw noScheduler(options, outcome.retry, unanswered);
      await delay(clock, waitMs);
    }
  } finally {
    clock.clearTimeout(tell);
  }
}

async function tryOnce<T>(
  attempt: (timeoutMs: number) => Promise<Attempt<T>>,
  timeoutMs: number,
): Promise<{ value: T } | { retry: string; unanswered: boolean }> {
  try {
    const outcome = await attempt(timeoutMs);
    return 'value' in outcome ? outcome : { ...outcome, unanswered: false };
  } catch (error) {
    if (error instanceof NoRespondersError) return { retry: 'no scheduler is there', unanswered: false };
    if (error instanceof RequestTimeoutError) return { retry: 'no answer came', unanswered: true };
    throw error;
  }
}

function noScheduler(
  { address, patienceMs, mayHaveWorked }: Insistence,
  why: string,
  unanswered: boolean,
): FailureError {
  const details = [
    'see that a scheduler runs ("flotilla up" has one, "flotilla scheduler" is one) and look at its log',
    ...(mayHaveWorked && unanswered
      ? ['the command may have been carried out all the same: "flotilla list-unit-files" tells']
      : []),
  ];
  return new FailureError(`no scheduler that leads answered at ${address} within ${patienceMs / 1000} s: ${why}`, {
    details,
  });
}
