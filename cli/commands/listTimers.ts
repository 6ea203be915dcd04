import type { UnitStateView } from '../../shared/domain/views.ts';
import { withClient } from '../client.ts';
import { exitCode } from '../errors.ts';
import type { Fields } from '../fields.ts';
import { lookOf, printRows } from '../render.ts';
import type { Invocation } from '../verb.ts';
import { describeSpan, placeOf } from '../words.ts';

/** A timer on one machine, and what it starts. */
interface TimerRow extends UnitStateView {
  activates: string;
}

export async function listTimers(call: Invocation): Promise<number> {
  const { data } = await withClient(call, (client) => client.query({ type: 'ListTimers' }));
  const rows = [...data.timers].sort((a, b) => nextOf(a) - nextOf(b));
  printRows(call, rows, { fields: timerFields(Date.now(), lookOf(call.options, call.io).full), asJson: timerJson });
  return exitCode.done;
}

/** What comes first stands first, as `systemctl list-timers` has it. */
function nextOf({ timer }: TimerRow): number {
  return timer?.next ?? Number.POSITIVE_INFINITY;
}

/** `now`: ms since 1970. */
export function timerFields(now: number, full: boolean): Fields<TimerRow> {
  return {
    columns: {
      next: { head: 'NEXT', cell: ({ timer }) => moment(timer?.next) },
      left: {
        head: 'LEFT',
        cell: ({ timer }) => (timer?.next === undefined ? '' : `${describeSpan(timer.next - now)} left`),
      },
      last: { head: 'LAST', cell: ({ timer }) => moment(timer?.last) },
      passed: {
        head: 'PASSED',
        cell: ({ timer }) => (timer?.last === undefined ? '' : `${describeSpan(now - timer.last)} ago`),
      },
      unit: { head: 'UNIT', cell: ({ unit }) => unit },
      activates: { head: 'ACTIVATES', cell: ({ activates }) => activates },
      machine: { head: 'MACHINE', cell: (row) => placeOf(row, full) },
      sub: { head: 'SUB', cell: ({ sub }) => sub },
    },
    shown: ['next', 'left', 'last', 'passed', 'unit', 'activates', 'machine', ...(full ? ['sub'] : [])],
  };
}

function moment(at: number | undefined): string {
  return at === undefined
    ? ''
    : new Date(at)
        .toISOString()
        .replace('T', ' ')
        .replace(/\.\d+Z$/, ' UTC');
}

/** Times are ms since 1970; null where there is none. */
function timerJson({ unit, activates, machine, active, sub, timer }: TimerRow): object {
  return { next: timer?.next ?? null, last: timer?.last ?? null, unit, activates, machine, active, sub };
}
