import pc from 'picocolors';
import { systemClock } from '../../shared/clock/systemClock.ts';
import type { UnitStateView } from '../../shared/domain/views.ts';
import type { UnitUsage } from '../../shared/protocol/node.ts';
import type { UnitDetails } from '../../shared/protocol/queries.ts';
import { type Client, withClient } from '../client.ts';
import { exitCode, FailureError } from '../errors.ts';
import { paintActive } from '../render.ts';
import { formatTime } from '../timeline.ts';
import { describeUnits } from '../unitDetails.ts';
import { resolveUnits } from '../unitNames.ts';
import { usageRows } from '../usageRows.ts';
import type { Invocation } from '../verb.ts';
import { describeSpan, explain, placeOf, shortHash, shortId, stateOf } from '../words.ts';

const journalLines = 10;

/** Everything about units, in the manner of systemctl(1). */
export async function status(call: Invocation): Promise<number> {
  return withClient(call, async (client) => {
    const units = await describeUnits(client, await resolveUnits(client, call.args));
    if (call.options.flag('json')) call.io.out(JSON.stringify(await withUsage(client, units)));
    else for (const [index, unit] of units.entries()) await printUnit(call, client, unit, index > 0);
    return units.every(({ file }) => file !== undefined) ? exitCode.done : exitCode.failed;
  });
}

async function printUnit({ io }: Invocation, client: Client, unit: UnitDetails, isLater: boolean): Promise<void> {
  if (isLater) io.out('');
  if (unit.file === undefined) return io.err(`Unit ${unit.name} is not known to the cluster`);
  for (const line of describeUnit(unit, unit.file, io.colour)) io.out(line);
  for (const state of unit.states) {
    if (state.machine === null) continue;
    const activity = state.active === 'activating' ? await client.activity(state.machine, unit.name) : null;
    for (const line of describeState(state, io.colour, systemClock.now())) io.out(line);
    if (activity !== null) io.out(row('Busy', activity));
    const usage = await usageOf(client, unit.name, state);
    for (const [name, value] of usage ? usageRows(usage) : []) io.out(row(name, value));
    for (const line of await lastOutput(client, unit.name, state.machine)) io.out(line);
  }
}

/** Asked of machines on which something may run. */
async function usageOf(client: Client, unit: string, { machine, active }: UnitStateView): Promise<UnitUsage | null> {
  const isAtRest = active === 'inactive' || active === 'failed';
  return machine === null || isAtRest ? null : client.usage(machine, unit);
}

/** The same units, each state with what it uses there. */
async function withUsage(client: Client, units: readonly UnitDetails[]): Promise<object[]> {
  const stateWith = async (unit: string, state: UnitStateView) => {
    const usage = await usageOf(client, unit, state);
    return usage === null ? state : { ...state, usage };
  };
  return Promise.all(
    units.map(async (unit) => ({
      ...unit,
      states: await Promise.all(unit.states.map((state) => stateWith(unit.name, state))),
    })),
  );
}

function describeUnit(unit: UnitDetails, file: NonNullable<UnitDetails['file']>, colour: boolean): string[] {
  const worst = unit.states.find(({ active }) => active === 'failed') ?? unit.states[0];
  const dot = paintActive(worst?.active ?? 'inactive', '●', colour);
  const title = file.description === '' ? unit.name : `${unit.name} - ${file.description}`;
  const wish = `${file.desired}${file.global ? ', global' : ''}`;
  return [
    `${dot} ${title}`,
    row('Known', `hash ${shortHash(file.hash)}; wished: ${wish}; is: ${file.state}`),
    ...(file.activates === undefined ? [] : [row('Triggers', file.activates)]),
    ...describeWaiting(unit),
  ];
}

function describeWaiting({ waiting }: UnitDetails): string[] {
  if (waiting === undefined) return [];
  const machines = waiting.machines.map(({ id, reason }) => row('', `${shortId(id)}: ${reason}`));
  const head = machines.length > 0 ? 'no machine takes it' : 'no machine is ready';
  return [row('Waiting', `${head} (${waiting.why})`), ...machines];
}

function describeState(state: UnitStateView, colour: boolean, now: number): string[] {
  const { bold } = pc.createColors(colour);
  const active = bold(paintActive(state.active, stateOf({ active: state.active, sub: state.sub }), colour));
  const optional: [name: string, value: string | undefined][] = [
    ...startRow(state, now),
    ['Why', state.reason === '' || isLeftOut(state) ? undefined : explain(state)],
    ['Result', state.result === 'success' ? undefined : state.result],
    ['Reload', state.reloadFailure === undefined ? undefined : `failed: ${state.reloadFailure}`],
    ['Status', state.status === undefined ? undefined : JSON.stringify(state.status)],
    ['Main PID', state.pid?.toString()],
    ['Container', state.container?.slice(0, 12)],
    ['Health', state.health],
    ['Exit', describeExit(state.exit)],
    ['Restarts', state.restarts?.toString()],
    ['Trigger', describeNext(state.timer?.next, now)],
  ];
  return [
    row('Machine', placeOf(state)),
    row('Loaded', `${state.load} (hash ${shortHash(state.hash)})`),
    row('Active', `${active}${describeSince(state.since, now)}`),
    ...optional.flatMap(([name, value]) => (value === undefined ? [] : [row(name, value)])),
  ];
}

/** The start was left out, or failed, because of what the machine is like. */
function isLeftOut({ result }: UnitStateView): boolean {
  return result === 'condition' || result === 'assert';
}

/** `Condition: start condition failed at …; 5s ago`, and which one it was, as systemctl has it. */
function startRow(state: UnitStateView, now: number): [name: string, value: string | undefined][] {
  if (!isLeftOut(state)) return [];
  const [name, what] = state.result === 'assert' ? ['Assert', 'assertion'] : ['Condition', 'condition'];
  const when = describeSince(state.since, now).replace(' since ', ' at ');
  return [
    [name, `start ${what} failed${when}`],
    ['', `└─ ${state.reason}`],
  ];
}

/** ` since 2026-11-23 15:32:13; 4min ago`, as systemctl has it. */
function describeSince(since: number | undefined, now: number): string {
  return since === undefined ? '' : ` since ${formatTime(since).slice(0, 19)}; ${describeSpan(now - since)} ago`;
}

/** `2026-11-23 15:32:13; 4min left`, as systemctl has it of a timer. */
function describeNext(next: number | undefined, now: number): string | undefined {
  return next === undefined ? undefined : `${formatTime(next).slice(0, 19)}; ${describeSpan(next - now)} left`;
}

function describeExit(exit: UnitStateView['exit']): string | undefined {
  if (exit === undefined) return undefined;
  return 'code' in exit ? `status ${exit.code}` : `signal ${exit.signal}`;
}

function row(name: string, value: string): string {
  return `${name === '' ? ' '.repeat(12) : `${name.padStart(10)}: `}${value}`;
}

/** A node that does not answer must not keep the rest from being shown. */
async function lastOutput(client: Client, unit: string, machine: string): Promise<string[]> {
  const lines: string[] = [];
  try {
    for await (const { text } of client.journal(machine, { unit, lines: journalLines, follow: false }))
      lines.push(text);
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    return ['', `(no journal: ${error.message})`];
  }
  return lines.length > 0 ? ['', ...lines] : [];
}
