import { type Clock, delay } from '../shared/clock/clock.ts';
import type { Client } from './client.ts';
import { FailureError } from './errors.ts';
import { shortId } from './words.ts';

export interface MachineWait {
  /** Machine ids. */
  ids: readonly string[];
  clock: Clock;
  /** Ends the waiting. */
  signal: AbortSignal;
  onProgress: (line: string) => void;
}

const pollMs = 100;
const patienceMs = 20_000;

/**
 * Waits until all these machines are part of the cluster.
 * @throws {FailureError} some are not, after 20 s; or there is no scheduler.
 */
export async function awaitMachines(client: Client, { ids, clock, signal, onProgress }: MachineWait): Promise<void> {
  const deadline = clock.monotonicNow() + patienceMs;
  while (!signal.aborted) {
    const { data } = await client.query({ type: 'ListMachines' });
    const ready = new Set(data.machines.filter(({ state }) => state === 'ready').map(({ id }) => id));
    const missing = ids.filter((id) => !ready.has(id));
    if (missing.length === 0) return;
    onProgress(`waiting for ${missing.length} of ${ids.length} nodes to join`);
    if (clock.monotonicNow() > deadline) throw missingMachines(missing);
    await delay(clock, pollMs, signal);
  }
}

function missingMachines(missing: readonly string[]): FailureError {
  return new FailureError(`no node has joined as ${missing.map(shortId).join(', ')} within ${patienceMs / 1000} s`);
}
