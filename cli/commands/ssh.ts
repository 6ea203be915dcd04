import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { MachineView } from '../../shared/domain/views.ts';
import { type Client, withClient } from '../client.ts';
import { FailureError, UsageError } from '../errors.ts';
import { resolveMachines } from '../machineNames.ts';
import { readSshWish, sshArguments } from '../sshCommand.ts';
import { describeUnits } from '../unitDetails.ts';
import { unitNameOf } from '../unitNames.ts';
import type { Invocation } from '../verb.ts';

/** Runs a shell or a command on a machine; resolves with its exit code. */
export async function ssh(call: Invocation): Promise<number> {
  const { args, options, io } = call;
  const wish = readSshWish(options, io.env);
  const [machine, unit] = [options.text('machine'), options.text('unit')];
  if (machine !== undefined && unit !== undefined) throw new UsageError('--machine and --unit cannot both be meant');
  const named = machine ?? unit;
  const [word, ...rest] = named === undefined ? args : [named, ...args];
  if (word === undefined) throw new UsageError('say which machine, or the machine of which unit');
  const address = await withClient(call, async (client) => {
    if (machine !== undefined) return addressOf(await resolveMachines(client, [machine]));
    return unit === undefined ? find(client, word) : whereRuns(client, unit);
  });
  return runSsh(sshArguments(address, rest, wish));
}

/** What may be a machine or a unit. */
async function find(client: Client, word: string): Promise<string> {
  const [machine, unit] = await Promise.all([
    orFailure(resolveMachines(client, [word]).then(addressOf)),
    orFailure(whereRuns(client, word)),
  ]);
  if (typeof machine === 'string' && typeof unit === 'string') {
    throw new FailureError(`"${word}" is a machine and a unit: say --machine ${word} or --unit ${word}`);
  }
  if (typeof machine === 'string') return machine;
  if (typeof unit === 'string') return unit;
  throw new FailureError(`there is no way to "${word}"`, { details: [machine.message, unit.message] });
}

async function orFailure(asked: Promise<string>): Promise<string | FailureError> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof FailureError) return error;
    throw error;
  }
}

function addressOf([machine]: readonly MachineView[]): string {
  return machine?.ip ?? '';
}

/** @throws {FailureError} it is on no machine, or on several. */
async function whereRuns(client: Client, word: string): Promise<string> {
  const name = unitNameOf(word);
  const [unit] = await describeUnits(client, [name]);
  if (unit?.file === undefined) throw new FailureError(`no unit is called ${name}`);
  const [address, ...others] = unit.states.flatMap(({ ip }) => ip ?? []);
  if (address === undefined) throw new FailureError(`unit ${name} is on no machine`);
  if (others.length > 0) throw new FailureError(`unit ${name} is on ${others.length + 1} machines: name one of them`);
  return address;
}

function runSsh(args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn('ssh', args, { stdio: 'inherit' });
    child.once('error', (cause) => reject(new FailureError(`ssh cannot be run: ${cause.message}`, { cause })));
    child.once('close', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}
