import pc from 'picocolors';
import { systemClock } from '../../shared/clock/systemClock.ts';
import type { Explanation, MachineVerdict } from '../../shared/protocol/queries.ts';
import { withClient } from '../client.ts';
import { exitCode, FailureError } from '../errors.ts';
import { parseMoment } from '../moment.ts';
import { type Column, renderTable } from '../table.ts';
import { unitNameOf } from '../unitNames.ts';
import { formatBytes } from '../usageRows.ts';
import type { Invocation } from '../verb.ts';
import { explain as explainState, shortId, stateOf } from '../words.ts';

/** A scheduler folds a long history for some time before it can answer. */
const patienceMs = 60_000;

/** Why a unit is where it is, or has no machine: each machine, each filter, and the score; now, or at any earlier time. */
export function explain(call: Invocation): Promise<number> {
  const { io, options, args } = call;
  const when = options.text('at');
  const as = when === undefined ? {} : { as: parseMoment('--at', when, systemClock.now()) };
  return withClient(call, async (client) => {
    for (const [index, typed] of args.entries()) {
      const unit = unitNameOf(typed);
      const { data } = await client.query({ type: 'ExplainUnit', unit, ...as }, { patienceMs });
      if (data.file === undefined) throw unknown(unit, when, data.seq);
      if (options.flag('json')) io.out(JSON.stringify(data));
      else for (const line of [...(index > 0 ? [''] : []), ...describe(data, call)]) io.out(line);
    }
    return exitCode.done;
  });
}

function unknown(unit: string, when: string | undefined, seq: number): FailureError {
  const then = when === undefined ? 'the cluster' : `the cluster at sequence ${seq}`;
  return new FailureError(`${unit} is not known to ${then}; see: flotilla events --unit ${unit}`);
}

function describe(explanation: Explanation, { io, options }: Invocation): string[] {
  const { unit, seq, file, places, wishes, machines } = explanation;
  const full = options.flag('full');
  const look = { columns: full ? null : io.columns, legend: true };
  return [
    `${unit} at sequence ${seq}: wished ${file?.desired}, is ${file?.state}`,
    ...places.flatMap(({ machine, reason, token, state, awaits }) => [
      `on ${shortId(machine)} since sequence ${token}: ${reason}`,
      ...(awaits === undefined ? [] : [`it is started there when its copy on ${shortId(awaits)} has ended`]),
      ...(state === undefined ? [] : [`there it is ${stateOf(state)}: ${explainState(state)}`]),
    ]),
    ...(wishes === undefined ? [] : [`wishes a machine: ${wishes}`]),
    '',
    ...(machines.length === 0
      ? ['no machine has ever joined']
      : renderTable(machines, columns(full, io.colour, machines), look)),
  ];
}

function columns(full: boolean, colour: boolean, rows: readonly MachineVerdict[]): Column<MachineVerdict>[] {
  const needsAnything = rows.some(({ needs }) => describeNeeds(needs) !== '-');
  const { green, red } = pc.createColors(colour);
  const paint = (text: string, row: MachineVerdict) => (row.rank === null ? red(text) : green(text));
  return [
    { head: 'MACHINE', cell: ({ id }) => (full ? id : shortId(id)) },
    { head: 'HOSTNAME', cell: ({ hostname }) => hostname },
    { head: 'RANK', cell: ({ rank }) => (rank === null ? '-' : String(rank)) },
    { head: 'RESERVED', cell: ({ score }) => `${Math.round(100 * score.load)}%` },
    ...(needsAnything ? [{ head: 'NEEDS', cell: ({ needs }: MachineVerdict) => describeNeeds(needs) }] : []),
    { head: 'UNITS', cell: ({ score }) => String(score.units) },
    { head: 'HERE', cell: ({ isHere }) => (isHere ? 'yes' : '-') },
    { head: 'VERDICT', cell: verdict, paint },
  ];
}

/** `512.0M, 0.5 CPU`: of a share, what it is there. */
function describeNeeds({ memoryBytes = 0, cpus = 0 }: MachineVerdict['needs'] = {}): string {
  const parts = [
    ...(memoryBytes > 0 ? [formatBytes(memoryBytes)] : []),
    ...(cpus > 0 ? [`${cpus} ${cpus === 1 ? 'CPU' : 'CPUs'}`] : []),
  ];
  return parts.join(', ') || '-';
}

function verdict({ filters, rank, isHere }: MachineVerdict): string {
  const reasons = Object.entries(filters).flatMap(([name, reason]) => (reason === null ? [] : [`${name}: ${reason}`]));
  if (reasons.length > 0) return reasons.join('; ');
  if (isHere) return 'every filter lets it stay';
  return rank === 1 ? 'the best that may take it' : 'may take it';
}
