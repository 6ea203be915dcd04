/** Moments in which this whole machine was too busy for anything to be in time: what fails then says nothing. */
import type { FaultRecord } from './checks/causes.ts';

const tickMs = 100;
/** A timer that is late by this much: the heartbeats of nodes and leaders are, too. */
const lateMs = 600;
/** What was missed before is noticed until so long after. */
const effectMs = { before: 3_000, after: 10_000 };

export interface StarvationWatch {
  readonly moments: FaultRecord[];
  end(): void;
}

export function watchStarvation(machines: readonly string[]): StarvationWatch {
  const moments: FaultRecord[] = [];
  let dueAt = performance.now() + tickMs;
  const timer = setInterval(() => {
    const late = performance.now() - dueAt;
    dueAt = performance.now() + tickMs;
    if (late < lateMs) return;
    const now = Date.now();
    const what = `late by ${Math.round(late)} ms`;
    const time = { from: now - late - effectMs.before, to: now + effectMs.after };
    moments.push({ name: 'this machine was too busy', what, machines, leases: true, ...time });
  }, tickMs);
  return { moments, end: () => clearInterval(timer) };
}
