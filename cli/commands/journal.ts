import type { UnitDetails } from '../../shared/protocol/queries.ts';
import { type Client, withClient } from '../client.ts';
import { exitCode, FailureError } from '../errors.ts';
import { describeUnits } from '../unitDetails.ts';
import { unitNameOf } from '../unitNames.ts';
import type { Invocation } from '../verb.ts';
import { shortId } from '../words.ts';

const defaultLines = 10;
const mostLines = 1_000_000;

/** Prints a unit's output; of a unit on several machines, each line with its machine. */
export async function journal(call: Invocation): Promise<number> {
  const { args, options, io } = call;
  const lines = options.count('lines', { min: 0, max: mostLines }) ?? defaultLines;
  const follow = options.flag('follow');
  const unit = unitNameOf(args[0] ?? '');
  return withClient(call, async (client) => {
    const machines = await machinesOf(client, unit);
    const print = async (machine: string) => {
      const prefix = machines.length > 1 ? `${shortId(machine)} ` : '';
      for await (const line of client.journal(machine, { unit, lines, follow })) io.out(`${prefix}${line}`);
    };
    if (follow) await Promise.all(machines.map(print));
    else for (const machine of machines) await print(machine);
    return exitCode.done;
  });
}

/** @throws {FailureError} nobody knows the unit, or it is on no machine. */
async function machinesOf(client: Client, name: string): Promise<string[]> {
  const [unit] = await describeUnits(client, [name]);
  const machines = unit?.states.flatMap(({ machine }) => machine ?? []) ?? [];
  if (unit === undefined || machines.length === 0) throw new FailureError(whyNowhere(name, unit));
  return machines;
}

function whyNowhere(name: string, unit: UnitDetails | undefined): string {
  if (unit?.file === undefined) return `unit ${name} is not known to the cluster`;
  return `unit ${name} is on no machine, so that it has no journal; see: flotilla status ${name}`;
}
