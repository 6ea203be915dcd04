import { withClient } from '../client.ts';
import { exitCode } from '../errors.ts';
import { lookOf, printRows, unitFileFields, unitFileJson } from '../render.ts';
import type { Invocation } from '../verb.ts';

export async function listUnitFiles(call: Invocation): Promise<number> {
  const [files, machines] = await withClient(call, (client) =>
    Promise.all([client.query({ type: 'ListUnitFiles' }), client.query({ type: 'ListMachines' })]),
  );
  const ips = new Map(machines.data.machines.map(({ id, ip }) => [id, ip]));
  const fields = unitFileFields(lookOf(call.options, call.io), ips);
  printRows(call, files.data.units, { fields, asJson: unitFileJson });
  return exitCode.done;
}
