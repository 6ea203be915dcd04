/** Moments in which this whole machine was too busy for anything to be in time: what fails then says nothing. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { FaultRecord } from './checks/causes.ts';

const tickMs = 100;
/** A timer that is late by this much: the heartbeats of nodes and leaders are, too. */
const lateMs = 600;
/** What was missed before is noticed until so long after. */
const effectMs = { before: 3_000, after: 10_000 };

const run = promisify(execFile);
const program = fileURLToPath(new URL('../../dist/flotilla.js', import.meta.url));
/** It takes a third of what an agent takes until it is heard, which has to be within 1.5 s. */
const slowStartMs = 500;

export interface StarvationWatch {
  readonly moments: FaultRecord[];
  /** Starts the CLI, to see whether anything that is started now is up in time. */
  tryStart(): Promise<void>;
  end(): void;
}

export function watchStarvation(machines: readonly string[]): StarvationWatch {
  const moments: FaultRecord[] = [];
  const note = (what: string, leases: boolean, from: number) => {
    const time = { from: from - effectMs.before, to: Date.now() + effectMs.after };
    moments.push({ name: 'this machine was too busy', what, machines, leases, ...time });
  };
  let dueAt = performance.now() + tickMs;
  const timer = setInterval(() => {
    const late = performance.now() - dueAt;
    dueAt = performance.now() + tickMs;
    if (late < lateMs) return;
    note(`late by ${Math.round(late)} ms`, true, Date.now() - late);
  }, tickMs);
  return {
    moments,
    async tryStart() {
      const [from, startedAt] = [Date.now(), performance.now()];
      await run(process.execPath, [program, '--version']);
      const tookMs = Math.round(performance.now() - startedAt);
      if (tookMs >= slowStartMs) note(`a process took ${tookMs} ms to start`, false, from);
    },
    end: () => clearInterval(timer),
  };
}
