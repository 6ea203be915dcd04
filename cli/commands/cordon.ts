import type { CommandBody } from '../../shared/protocol/commands.ts';
import { withClient } from '../client.ts';
import { demand } from '../demand.ts';
import { exitCode } from '../errors.ts';
import { resolveMachines } from '../machineNames.ts';
import type { Invocation } from '../verb.ts';
import { machineLabel } from '../words.ts';

export function cordon(call: Invocation): Promise<number> {
  const reason = call.options.text('reason') ?? '';
  return change(call, (machines) => ({ type: 'CordonMachines', machines, reason }), 'takes no new units');
}

export function uncordon(call: Invocation): Promise<number> {
  return change(call, (machines) => ({ type: 'UncordonMachines', machines }), 'takes new units again');
}

/** One that comes back after all joins as any new machine does. */
export function forget(call: Invocation): Promise<number> {
  const reason = call.options.text('reason') ?? '';
  return change(call, (machines) => ({ type: 'ForgetMachines', machines, reason }), 'is forgotten');
}

function change(call: Invocation, command: (machines: string[]) => CommandBody, effect: string): Promise<number> {
  return withClient(call, async (client) => {
    const machines = await resolveMachines(client, call.args);
    await demand(client, command(machines.map(({ id }) => id)));
    for (const machine of machines) call.io.out(`Machine ${machineLabel(machine)} ${effect}`);
    return exitCode.done;
  });
}
