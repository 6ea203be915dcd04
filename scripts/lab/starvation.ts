/** Moments in which this whole machine was too busy for anything to be in time: what fails then says nothing. */
import { runCommand } from '../../shared/embedded/runCommand.ts';
import type { FaultRecord } from './checks/causes.ts';
import { program } from './lab.ts';

const tickMs = 100;
/** A timer that is late by this much: the heartbeats of nodes and leaders are, too. */
const lateMs = 600;
/** What was missed before is noticed until so long after. */
const effectMs = { before: 3_000, after: 10_000 };

/** It takes less than half of what an agent takes until it is heard, which has to be within 1.5 s. */
const slowStartMs = 500;
const startTimeoutMs = 60_000;

export interface StarvationWatch {
  readonly moments: FaultRecord[];
  /** Starts the CLI, to see whether what is started on these machines now can be up in time. */
  tryStart(restarted: readonly string[]): Promise<void>;
  end(): void;
}

export function watchStarvation(machines: readonly string[]): StarvationWatch {
  const moments: FaultRecord[] = [];
  const note = (moment: Pick<FaultRecord, 'what' | 'machines' | 'leases' | 'from'>) => {
    const time = { from: moment.from - effectMs.before, to: Date.now() + effectMs.after };
    moments.push({ name: 'this machine was too busy', ...moment, ...time });
  };
  let dueAt = performance.now() + tickMs;
  const timer = setInterval(() => {
    const late = performance.now() - dueAt;
    dueAt = performance.now() + tickMs;
    if (late < lateMs) return;
    note({ what: `late by ${Math.round(late)} ms`, machines, leases: true, from: Date.now() - late });
  }, tickMs);
  return {
    moments,
    async tryStart(restarted) {
      const [from, startedAt] = [Date.now(), performance.now()];
      await runCommand(process.execPath, [program, '--version'], { timeoutMs: startTimeoutMs });
      const tookMs = Math.round(performance.now() - startedAt);
      if (tookMs < slowStartMs) return;
      note({ what: `a process took ${tookMs} ms to start`, machines: restarted, leases: false, from });
    },
    end: () => clearInterval(timer),
  };
}
