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
  /** How long one try may take, ms. */
  attemptMs: number;
  signal?: AbortSignal;
  /** Who is asked, for messages. */
  whom?: string;
  /** Called before each further try, with why the last one failed. */
  onRetry?: (reason: string) => void;
}

const retryMs = { min: 50, max: 500 };

/**
 * Asks a scheduler, or who else may lead, until one answers: one that dies is succeeded by another, and NATS comes back.
 * @throws {NoLeaderError} nobody answered in time.
 */
export async function askPatiently<T>(
  attempt: (timeoutMs: number) => Promise<Attempt<T>>,
  { clock, timeoutMs, attemptMs, signal, whom = 'scheduler', onRetry }: Patience,
): Promise<T> {
  const deadline = clock.monotonicNow() + timeoutMs;
  let unanswered = false;
  for (let waitMs = retryMs.min; ; waitMs = Math.min(waitMs * 2, retryMs.max)) {
    const outcome = await tryOnce(attempt, whom, Math.max(1, Math.min(attemptMs, deadline - clock.monotonicNow())));
    if ('value' in outcome) return outcome.value;
    unanswered ||= outcome.unanswered;
    if (signal?.aborted || clock.monotonicNow() + waitMs >= deadline)
      throw new NoLeaderError(outcome.retry, unanswered);
    onRetry?.(outcome.retry);
    await delay(clock, waitMs, signal);
  }
}

async function tryOnce<T>(
  attempt: (timeoutMs: number) => Promise<Attempt<T>>,
  whom: string,
  timeoutMs: number,
): Promise<{ value: T } | { retry: string; unanswered: boolean }> {
  try {
    const outcome = await attempt(timeoutMs);
    return 'value' in outcome ? outcome : { retry: outcome.retry, unanswered: outcome.doubtful ?? false };
  } catch (error) {
    if (error instanceof NoRespondersError) return { retry: `no ${whom} leads`, unanswered: false };
    if (error instanceof RequestTimeoutError) return { retry: `the ${whom} does not answer`, unanswered: true };
    throw error;
  }
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
