/** Cuts a schedule that fails down to one that still fails, by delta debugging: fewer actions, a smaller cluster. */
import type { Schedule, TimedAction } from './schedule.ts';

export interface ShrinkOptions {
  /** Whether a schedule still fails. */
  fails: (schedule: Schedule) => Promise<boolean>;
  /** How many schedules are tried at most. */
  mostTries: number;
}

export async function shrinkSchedule(schedule: Schedule, { fails, mostTries }: ShrinkOptions): Promise<Schedule> {
  let tries = 0;
  let best = schedule;
  const tryOne = async (candidate: Schedule) => {
    if (tries++ >= mostTries || !(await fails(candidate))) return false;
    best = candidate;
    return true;
  };
  await shrinkCluster();
  await shrinkActions();
  await shrinkCluster();
  return best;

  /** Leaves out parts of the list, ever smaller ones, until no single action can be left out. */
  async function shrinkActions(): Promise<void> {
    for (let size = Math.ceil(best.actions.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let at = 0; at < best.actions.length; ) {
        const actions = best.actions.toSpliced(at, size);
        if (!(await tryOne({ ...best, actions, endMs: endOf(actions) }))) at += size;
      }
    }
  }

  async function shrinkCluster(): Promise<void> {
    if (best.stores > 0) await tryOne({ ...best, stores: 0 });
    while (best.schedulers > 1 && (await tryOne({ ...best, schedulers: best.schedulers - 1 })));
    while (best.machines > 1 && (await tryOne({ ...best, machines: best.machines - 1 })));
  }
}

/** What comes after the last action shows nothing more. */
function endOf(actions: readonly TimedAction[]): number {
  return Math.max(1_000, ...actions.map((action) => action.atMs + ('forMs' in action ? action.forMs : 0))) + 1_000;
}
