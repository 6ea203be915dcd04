import { type Client, withClient } from '../client.ts';
import { FailureError, UsageError } from '../errors.ts';
import { resolveMachines } from '../machineNames.ts';
import { openTerminal } from '../terminal.ts';
import { describeUnits } from '../unitDetails.ts';
import { unitNameOf } from '../unitNames.ts';
import type { Invocation } from '../verb.ts';

/** Runs a command beside a unit, as docker exec does in a container; resolves with its exit code. */
export async function exec(call: Invocation): Promise<number> {
  const { args, options, io } = call;
  const [typed = '', ...argv] = args;
  if (argv.length === 0) throw new UsageError(`say what to run: flotilla exec ${typed} -- sh`);
  const terminal = openTerminal();
  const interactive = options.flag('interactive');
  const wantsTerminal = options.flag('tty');
  if (wantsTerminal && interactive && !terminal.isTerminal) {
    throw new UsageError('-t needs a terminal on the standard input: leave it out where something is piped in');
  }
  const tty = wantsTerminal ? { ...terminal.size(), term: io.env.TERM ?? 'xterm' } : null;
  return withClient(call, async (client) => {
    const unit = unitNameOf(typed);
    const machine = await machineOf(client, unit, options.text('machine'));
    return client.exec(machine, { unit, argv, tty, interactive }, terminal);
  });
}

/** @throws {FailureError} the unit is unknown, on no machine, or on several of which none is named. */
async function machineOf(client: Client, name: string, wanted: string | undefined): Promise<string> {
  const [unit] = await describeUnits(client, [name]);
  if (unit?.file === undefined) throw new FailureError(`unit ${name} is not known to the cluster`);
  const machines = unit.states.flatMap(({ machine }) => machine ?? []);
  if (wanted !== undefined) {
    const [found] = await resolveMachines(client, [wanted]);
    if (found && machines.includes(found.id)) return found.id;
    throw new FailureError(`unit ${name} is not on machine ${wanted}; see: flotilla status ${name}`);
  }
  const [machine, ...others] = machines;
  if (machine === undefined) throw new FailureError(`unit ${name} is on no machine; see: flotilla status ${name}`);
  if (others.length > 0) {
    throw new FailureError(`unit ${name} is on ${others.length + 1} machines: name one of them with --machine`);
  }
  return machine;
}
