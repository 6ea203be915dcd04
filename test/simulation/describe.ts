/** A run that failed, for people: the seed, the schedule, and the timeline from the log. */
import { renderEvent } from '../../cli/timeline.ts';
import type { RunResult } from './run.ts';
import { isFault, type Schedule, type TimedAction } from './schedule.ts';

export function describeViolations({ violations }: Pick<RunResult, 'violations'>): string[] {
  return violations.map(({ atMs, rule, what }) => `${formatMs(atMs)}  broken: ${rule}: ${what}`);
}

export function describeSchedule({ seed, machines, schedulers, stores, actions }: Schedule): string[] {
  const shape = `seed ${seed}: ${machines} machines, ${schedulers} schedulers, ${stores} stores`;
  return [shape, ...actions.map(describeAction)];
}

function describeAction(action: TimedAction): string {
  const { atMs, do: what, ...rest } = action;
  const kind = isFault(action) ? 'fault' : 'wish ';
  const details = Object.entries(rest).map(([key, value]) => `${key}=${Array.isArray(value) ? value.join() : value}`);
  return `${formatMs(atMs)}  ${kind}  ${what} ${details.join(' ')}`;
}

/** The log, in the words of `flotilla events`. */
export function describeTimeline({ world }: RunResult): string[] {
  return world.audit.records.flatMap(({ record, commit }) =>
    commit.events.map((event) => renderEvent(commit, record.seq, event, false)),
  );
}

function formatMs(ms: number): string {
  return `${(ms / 1000).toFixed(3).padStart(8)} s`;
}
