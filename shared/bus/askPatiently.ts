import { type Clock, delay } from '../clock/clock.ts';
import { NoRespondersError, RequestTimeoutError } from './bus.ts';

/** What one try came to. */
export type Attempt<T> =
  | { value: T }
  /** Somebody answered who cannot help at the moment: why. `doubtful`: it may have had its effect all the same. */
  | { retry: string; doubtful?: boolean };

export interface Patience {
  clock: Clock;
  /** How long it is tried in all, ms. */
  timeoutMs: number;
  /**
   * How long the first try may go without an answer before there is another one, ms: whoever was asked may have died. Each
   * further one waits twice as long, up to 5 s: whoever is busy is not made busier.
   */
  attemptMs: number;
  signal?: AbortSignal;
  /** Who is asked, for messages. */
  whom?: string;
  /** Called before each further try, with why the last one failed. */
  onRetry?: (reason: string) => void;
}

type Outcome<T> = { value: T } | { retry: string; unanswered: boolean };

const retryMs = { min: 50, max: 500 };
const longestAttemptMs = 5_000;

/**
 * Asks a scheduler, or who else may lead, until one answers: one that dies is succeeded by another, and NATS comes back.
 * The first answer counts, whichever try it is to: where answers take longer than a try, there would never be one.
 * @param attempt gives up by itself after so many ms, and comes to the same if it is made twice.
 * @throws {NoLeaderError} nobody answered in time.
 */
export async function askPatiently<T>(
  attempt: (timeoutMs: number) => Promise<Attempt<T>>,
  patience: Patience,
): Promise<T> {
  const { clock, timeoutMs, signal, onRetry } = patience;
  const deadline = clock.monotonicNow() + timeoutMs;
  let answer: (answer: { value: T }) => void = () => {};
  const answered = new Promise<{ value: T }>((resolve) => {
    answer = resolve;
  });
  let { attemptMs } = patience;
  let unanswered = false;
  for (let waitMs = retryMs.min; ; waitMs = Math.min(waitMs * 2, retryMs.max)) {
    const leftMs = Math.max(1, deadline - clock.monotonicNow());
    const outcome = await Promise.race([answered, tryOnce(attempt, { ...patience, attemptMs }, leftMs, answer)]);
    if ('value' in outcome) return outcome.value;
    if (outcome.unanswered) attemptMs = Math.max(attemptMs, Math.min(2 * attemptMs, longestAttemptMs));
    unanswered ||= outcome.unanswered;
    if (signal?.aborted || clock.monotonicNow() + waitMs >= deadline)
      throw new NoLeaderError(outcome.retry, unanswered);
    onRetry?.(outcome.retry);
    const late = await Promise.race([answered, delay(clock, waitMs, signal)]);
    if (late) return late.value;
  }
}

/** Resolves when it is time for another try, if not for good; `answer` is told even after that. */
function tryOnce<T>(
  attempt: (timeoutMs: number) => Promise<Attempt<T>>,
  { clock, attemptMs, whom = 'scheduler' }: Patience,
  leftMs: number,
  answer: (answer: { value: T }) => void,
): Promise<Outcome<T>> {
  return new Promise((resolve, reject) => {
    const silence = { retry: `the ${whom} does not answer`, unanswered: true };
    const timer = clock.setTimeout(() => resolve(silence), Math.min(attemptMs, leftMs));
    attempt(leftMs)
      .then(
        (outcome) => {
          if ('value' in outcome) answer(outcome);
          resolve('value' in outcome ? outcome : { retry: outcome.retry, unanswered: outcome.doubtful ?? false });
        },
        (error) => {
          if (error instanceof NoRespondersError) resolve({ retry: `no ${whom} leads`, unanswered: false });
          else if (error instanceof RequestTimeoutError) resolve(silence);
          else reject(error);
        },
      )
      .finally(() => clock.clearTimeout(timer));
  });
}

/** Nobody who leads answered in time; the message says how the last try went. */
export class NoLeaderError extends Error {
  override readonly name = 'NoLeaderError';
  /** A try got no answer, or one that does not tell: it may have had its effect. */
  readonly unanswered: boolean;
  constructor(message: string, unanswered: boolean) {
    super(message);
    this.unanswered = unanswered;
  }
}
