import { systemClock } from '../../shared/clock/systemClock.ts';
import type { UnitDetails } from '../../shared/protocol/queries.ts';
import { type Client, withClient } from '../client.ts';
import { exitCode, FailureError, UsageError } from '../errors.ts';
import { journalForms, type LineSource, renderLine } from '../journalLine.ts';
import type { JournalLine, JournalWish } from '../journalStream.ts';
import type { Options } from '../options.ts';
import { parseTimestamp } from '../timestamp.ts';
import { describeUnits } from '../unitDetails.ts';
import { resolveUnits } from '../unitNames.ts';
import type { Invocation } from '../verb.ts';

const defaultLines = 10;
const mostLines = 1_000_000;

/** Prints the output of units, as journalctl(1) does; what several have printed, in the order of time. */
export async function journal(call: Invocation): Promise<number> {
  const { args, options, io } = call;
  const follow = options.flag('follow');
  const reverse = options.flag('reverse');
  if (follow && reverse) throw new UsageError('--follow and --reverse cannot both be meant');
  const [since, until] = [momentOf(options, 'since'), momentOf(options, 'until')];
  if (follow && until !== undefined) throw new UsageError('--follow has no end: leave out --until');
  const wish = {
    // A span of time is shown whole.
    lines: options.count('lines', { min: 0, max: mostLines }) ?? ((since ?? until) ? mostLines : defaultLines),
    follow,
    since,
    until,
  };
  const wanted = options.choice('output', journalForms);
  return withClient(call, async (client) => {
    const sources = await findSources(client, await resolveUnits(client, args));
    const form = wanted ?? (sources.length > 1 ? 'short' : 'cat');
    if (follow) await Promise.all(sources.map((source) => print(source)));
    else
      for (const { line, source } of await gather(client, sources, wish, reverse))
        io.out(renderLine(form, line, source));
    return exitCode.done;

    async function print(source: LineSource): Promise<void> {
      for await (const line of client.journal(source.machine, { unit: source.unit, ...wish })) {
        io.out(renderLine(form, line, source));
      }
    }
  });
}

function momentOf(options: Options, name: 'since' | 'until'): number | undefined {
  const text = options.text(name);
  if (text === undefined) return undefined;
  const at = parseTimestamp(text, systemClock.now());
  if (at !== null) return at;
  throw new UsageError(`--${name} takes a moment (2026-01-02 03:04, yesterday, -1h), not "${text}"`);
}

interface Said {
  line: JournalLine;
  source: LineSource;
}

/** The last lines of all of them together, by time. */
async function gather(
  client: Client,
  sources: readonly LineSource[],
  wish: Omit<JournalWish, 'unit'>,
  reverse: boolean,
): Promise<Said[]> {
  const lists = await Promise.all(
    sources.map(async (source) => {
      const said: Said[] = [];
      for await (const line of client.journal(source.machine, { unit: source.unit, ...wish }))
        said.push({ line, source });
      return said;
    }),
  );
  const all = sources.length > 1 ? lists.flat().sort((a, b) => (a.line.at ?? 0) - (b.line.at ?? 0)) : lists.flat();
  const last = wish.lines === 0 ? [] : all.slice(-wish.lines);
  return reverse ? last.reverse() : last;
}

/** @throws {FailureError} nobody knows a unit, or none of them is on a machine. */
async function findSources(client: Client, names: readonly string[]): Promise<LineSource[]> {
  const [units, { data }] = await Promise.all([describeUnits(client, names), client.query({ type: 'ListMachines' })]);
  const hostnames = new Map(data.machines.map(({ id, hostname }) => [id, hostname]));
  const unknown = units.find(({ file }) => file === undefined);
  if (unknown) throw new FailureError(`unit ${unknown.name} is not known to the cluster`);
  const sources = units.flatMap(({ name, states }) =>
    states.flatMap(({ machine }) =>
      machine === null ? [] : [{ unit: name, machine, hostname: hostnames.get(machine) ?? machine }],
    ),
  );
  if (sources.length === 0) throw new FailureError(whyNowhere(units));
  return sources;
}

function whyNowhere(units: readonly UnitDetails[]): string {
  const [unit, ...others] = units;
  if (others.length > 0) return 'none of these units is on a machine, so that they have no journal';
  return `unit ${unit?.name} is on no machine, so that it has no journal; see: flotilla status ${unit?.name}`;
}
