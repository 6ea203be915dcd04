/** What `flotilla status` tells of a unit, line by line, in the words of systemctl(1). */
import pc from 'picocolors';
import { interpretUnit } from '../shared/domain/interpretUnit.ts';
import { printable } from '../shared/domain/problem.ts';
import { exitStatusNames } from '../shared/domain/signals.ts';
import { parseUnitFile, type UnitFile } from '../shared/domain/unitFile.ts';
import { parseUnitName } from '../shared/domain/unitName.ts';
import type { UnitStateView } from '../shared/domain/views.ts';
import type { EndedCommand, UsageReply } from '../shared/protocol/node.ts';
import type { UnitDetails } from '../shared/protocol/queries.ts';
import { paintActive } from './render.ts';
import { type Limits, limitsOf, noLimits, usageRows } from './usageRows.ts';
import { describeSpan, explain, placeOf, shortHash, shortId, stateOf } from './words.ts';

/** Name and value; one without a name goes on with the one above, one without a value is left out. */
type Row = [name: string, value: string | undefined];

/** What its file says for people who look at it. */
export interface FileNotes {
  documentation: string[];
  limits: Limits;
}

export function readNotes(name: string, text: string | undefined): FileNotes {
  const unit = parseUnitName(name).value;
  if (unit === null || text === undefined) return { documentation: [], limits: noLimits };
  const { file } = parseUnitFile(text);
  const { spec } = interpretUnit(unit, file, undefined, { allowUnsupported: true });
  return { documentation: documentationOf(file), limits: spec === null ? noLimits : limitsOf(spec) };
}

function documentationOf({ options }: UnitFile): string[] {
  const written = options.filter(({ section, name }) => section === 'Unit' && name === 'Documentation');
  return written
    .slice(written.findLastIndex(({ value }) => value === '') + 1)
    .flatMap(({ value }) => value.split(/\s+/));
}

export function describeUnit(
  unit: UnitDetails,
  file: NonNullable<UnitDetails['file']>,
  { documentation }: FileNotes,
  colour: boolean,
): string[] {
  const worst = unit.states.find(({ active }) => active === 'failed') ?? unit.states[0];
  const dot = paintActive(worst?.active ?? 'inactive', '●', colour);
  const title = file.description === '' ? unit.name : `${unit.name} - ${printable(file.description)}`;
  const wish = `${file.desired}${file.global ? ', global' : ''}`;
  const rows: Row[] = [
    ['Known', `hash ${shortHash(file.hash)}; wished: ${wish}; is: ${file.state}`],
    ['Triggers', file.activates],
    ...documentation.map((each, index): Row => [index === 0 ? 'Docs' : '', each]),
    ...describeWaiting(unit),
  ];
  return [`${dot} ${title}`, ...format(rows)];
}

function describeWaiting({ waiting }: UnitDetails): Row[] {
  if (waiting === undefined) return [];
  const head = waiting.machines.length > 0 ? 'no machine takes it' : 'no machine is ready';
  return [
    ['Waiting', `${head} (${waiting.why})`],
    ...waiting.machines.map(({ id, reason }): Row => ['', `${shortId(id)}: ${reason}`]),
  ];
}

/** How the unit is on one machine. */
export interface StateOnMachine {
  state: UnitStateView;
  /** Why it is there; absent: it is not placed there (any more). */
  placed: string | undefined;
  seen: UsageReply;
  limits: Limits;
  /** What takes long for it just now. */
  activity: string | null;
}

/** `now`: ms since 1970. */
export function describeState(
  { state, placed, seen, limits, activity }: StateOnMachine,
  colour: boolean,
  now: number,
): string[] {
  const { bold } = pc.createColors(colour);
  const active = bold(paintActive(state.active, stateOf({ active: state.active, sub: state.sub }), colour));
  const { usage, ended = [] } = seen;
  const head = format([
    ['Machine', `${placeOf(state)}${placed === undefined ? '' : ` (${placed})`}`],
    ['Loaded', `${state.load} (hash ${shortHash(state.hash)})`],
  ]);
  const rest = format([
    ...startRows(state, now),
    ['Why', state.reason === '' || isLeftOut(state) ? undefined : explain(state)],
    ['Result', state.result === 'success' ? undefined : state.result],
    ['Reload', state.reloadFailure === undefined ? undefined : `failed: ${state.reloadFailure}`],
    ['Busy', activity ?? undefined],
    ...ended.map((command): Row => ['Process', describeEnded(command)]),
    ...mainRows(state, seen),
    ['Health', state.health],
    ['Status', state.status === undefined ? undefined : JSON.stringify(state.status)],
    ['Restarts', state.restarts?.toString()],
    ['Trigger', describeNext(state.timer?.next, now)],
    ...(usage === null ? [] : usageRows(usage, limits, seen.whole)),
  ]);
  return [...head, `${named('Active')}${active}${describeSince(state.since, now)}`, ...rest];
}

/** `30151 (sh)`, or of one that has ended `30151 (code=exited, status=1/FAILURE)`. */
function mainRows({ pid, container, exit }: UnitStateView, { usage, ended = [] }: UsageReply): Row[] {
  if (exit !== undefined) {
    const main = ended.findLast(({ directive }) => directive === 'ExecStart');
    const how = `(${describeExit(exit)})`;
    return [main?.pid === undefined ? ['Exit', how] : ['Main PID', `${main.pid} ${how}`]];
  }
  const command = usage?.processes.find((process) => process.pid === pid)?.command ?? '';
  const [program = ''] = command.split(' ');
  const name = program.slice(program.lastIndexOf('/') + 1);
  return [
    ['Main PID', pid === undefined ? undefined : `${pid}${name === '' ? '' : ` (${name})`}`],
    ['Container', container?.slice(0, 12)],
  ];
}

function describeEnded({ directive, line, pid, exit }: EndedCommand): string {
  return `${pid === undefined ? '' : `${pid} `}${directive}=${line} (${describeExit(exit)})`;
}

/** `code=exited, status=1/FAILURE`, `code=killed, signal=TERM`. */
function describeExit(exit: NonNullable<UnitStateView['exit']>): string {
  if ('signal' in exit) return `code=killed, signal=${exit.signal.replace(/^SIG/, '')}`;
  // systemctl has no names for those that init scripts end with.
  const isNamed = exit.code < 2 || exit.code > 7;
  const [name] = Object.entries(exitStatusNames).find(([, code]) => isNamed && code === exit.code) ?? [];
  return `code=exited, status=${exit.code}${name === undefined ? '' : `/${name}`}`;
}

/** The start was left out, or failed, because of what the machine is like. */
function isLeftOut({ result }: UnitStateView): boolean {
  return result === 'condition' || result === 'assert';
}

/** `Condition: start condition failed at …; 5s ago`, and which one it was, as systemctl has it. */
function startRows(state: UnitStateView, now: number): Row[] {
  if (!isLeftOut(state)) return [];
  const [name, what] = state.result === 'assert' ? ['Assert', 'assertion'] : ['Condition', 'condition'];
  const when = describeSince(state.since, now).replace(' since ', ' at ');
  return [
    [name, `start ${what} failed${when}`],
    ['', `└─ ${state.reason}`],
  ];
}

/** ` since Mon 2026-11-23 15:32:13 CET; 4min ago`, as systemctl has it. */
function describeSince(since: number | undefined, now: number): string {
  return since === undefined ? '' : ` since ${formatMoment(since)}; ${describeSpan(now - since)} ago`;
}

/** `Mon 2026-11-23 15:32:13 CET; 4min left`, as systemctl has it of a timer. */
function describeNext(next: number | undefined, now: number): string | undefined {
  return next === undefined ? undefined : `${formatMoment(next)}; ${describeSpan(next - now)} left`;
}

/** Local time, with the name of its zone. */
function formatMoment(at: number): string {
  const parts = Object.fromEntries(momentFormat.formatToParts(at).map(({ type, value }) => [type, value]));
  const { weekday, year, month, day, hour, minute, second, timeZoneName } = parts;
  return `${weekday} ${year}-${month}-${day} ${hour}:${minute}:${second} ${timeZoneName}`;
}

const momentFormat = new Intl.DateTimeFormat('en', {
  weekday: 'short',
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
  timeZoneName: 'short',
});

/** What comes from elsewhere does nothing to the terminal. */
function format(rows: readonly Row[]): string[] {
  return rows.flatMap(([name, value]) => (value === undefined ? [] : [`${named(name)}${printable(value)}`]));
}

function named(name: string): string {
  return name === '' ? ' '.repeat(13) : `${name.padStart(11)}: `;
}
