import { systemClock } from '../../shared/clock/systemClock.ts';
import { printable } from '../../shared/domain/problem.ts';
import type { UnitStateView } from '../../shared/domain/views.ts';
import type { UnitDetails } from '../../shared/protocol/queries.ts';
import { type Client, withClient } from '../client.ts';
import { exitCode, FailureError } from '../errors.ts';
import { type LineSource, renderLine } from '../journalLine.ts';
import { describeState, describeUnit, readNotes } from '../statusRows.ts';
import { describeUnits } from '../unitDetails.ts';
import { resolveUnits } from '../unitNames.ts';
import type { Invocation } from '../verb.ts';

const journalLines = 10;

/** Everything about units, in the manner of systemctl(1). */
export async function status(call: Invocation): Promise<number> {
  return withClient(call, async (client) => {
    const units = await describeUnits(client, await resolveUnits(client, call.args));
    if (call.options.flag('json')) {
      call.io.out(JSON.stringify(await withUsage(client, units)));
    } else {
      const hostnames = await hostnamesOf(client);
      for (const [index, unit] of units.entries()) await printUnit(call, { client, hostnames }, unit, index > 0);
    }
    return units.every(({ file }) => file !== undefined) ? exitCode.done : exitCode.failed;
  });
}

interface Source {
  client: Client;
  hostnames: ReadonlyMap<string, string>;
}

async function hostnamesOf(client: Client): Promise<Map<string, string>> {
  const { data } = await client.query({ type: 'ListMachines' });
  return new Map(data.machines.map(({ id, hostname }) => [id, hostname]));
}

async function printUnit(
  { io }: Invocation,
  { client, hostnames }: Source,
  unit: UnitDetails,
  isLater: boolean,
): Promise<void> {
  if (isLater) io.out('');
  if (unit.file === undefined) return io.err(`Unit ${unit.name} is not known to the cluster`);
  const notes = readNotes(unit.name, unit.text);
  for (const line of describeUnit(unit, unit.file, notes, io.colour)) io.out(line);
  for (const state of unit.states) {
    const { machine } = state;
    if (machine === null) continue;
    const activity = state.active === 'activating' ? await client.activity(machine, unit.name) : null;
    const seen = await client.usage(machine, unit.name);
    const shown = { state, placed: unit.places?.[machine], seen, limits: notes.limits, activity };
    for (const line of describeState(shown, io.colour, systemClock.now())) io.out(line);
    const source = { unit: unit.name, machine, hostname: hostnames.get(machine) ?? machine };
    for (const line of await lastOutput(client, source)) io.out(line);
  }
}

/** The same units, each state with what it uses there, and how its commands have ended. */
async function withUsage(client: Client, units: readonly UnitDetails[]): Promise<object[]> {
  const stateWith = async (unit: string, state: UnitStateView) => {
    if (state.machine === null) return state;
    const { usage, ended = [] } = await client.usage(state.machine, unit);
    return { ...state, ...(usage === null ? {} : { usage }), ...(ended.length > 0 ? { ended } : {}) };
  };
  return Promise.all(
    units.map(async (unit) => ({
      ...unit,
      states: await Promise.all(unit.states.map((state) => stateWith(unit.name, state))),
    })),
  );
}

/** A node that does not answer must not keep the rest from being shown. */
async function lastOutput(client: Client, source: LineSource): Promise<string[]> {
  const lines: string[] = [];
  const { unit, machine } = source;
  try {
    for await (const line of client.journal(machine, { unit, lines: journalLines, follow: false }))
      lines.push(printable(renderLine('short', line, source)));
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    return ['', `(no journal: ${error.message})`];
  }
  return lines.length > 0 ? ['', ...lines] : [];
}
