import { withClient } from '../client.ts';
import { exitCode } from '../errors.ts';
import { lookOf, machineFields, machineJson, printRows } from '../render.ts';
import type { Invocation } from '../verb.ts';

export async function listMachines(call: Invocation): Promise<number> {
  const { data } = await withClient(call, (client) => client.query({ type: 'ListMachines' }));
  printRows(call, data.machines, { fields: machineFields(lookOf(call.options, call.io)), asJson: machineJson });
  return exitCode.done;
}
