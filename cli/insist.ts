import { NoLeaderError } from '../shared/bus/askPatiently.ts';
import type { Clock } from '../shared/clock/clock.ts';
import { FailureError } from './errors.ts';

export interface Insistence {
  clock: Clock;
  /** Where it is asked, for messages. */
  address: string;
  /** Told once when it takes long. */
  onWaiting: (line: string) => void;
  patienceMs: number;
  /** What gets no answer may have had its effect. */
  mayHaveWorked: boolean;
}

const tellAfterMs = 2_000;

/**
 * Waits for a scheduler's answer as somebody at a terminal does: is told when it takes long, and what to do in the end.
 * @throws {FailureError} there was none in time.
 */
export async function insist<T>(options: Insistence, ask: () => Promise<T>): Promise<T> {
  const { clock, onWaiting } = options;
  const tell = clock.setTimeout(() => onWaiting('waiting for a scheduler that leads…'), tellAfterMs);
  try {
    return await ask();
  } catch (error) {
    throw error instanceof NoLeaderError ? noScheduler(options, error) : error;
  } finally {
    clock.clearTimeout(tell);
  }
}

function noScheduler({ address, patienceMs, mayHaveWorked }: Insistence, cause: NoLeaderError): FailureError {
  const details = [
    'see that a scheduler runs ("flotilla up" has one, "flotilla scheduler" is one) and look at its log',
    ...(mayHaveWorked && cause.unanswered
      ? ['the command may have been carried out all the same: "flotilla list-unit-files" tells']
      : []),
  ];
  const message = `no scheduler that leads answered at ${address} within ${patienceMs / 1000} s: ${cause.message}`;
  return new FailureError(message, { details });
}
