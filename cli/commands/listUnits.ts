import { withClient } from '../client.ts';
import { exitCode } from '../errors.ts';
import { lookOf, printRows, unitFields, unitJson } from '../render.ts';
import type { Invocation } from '../verb.ts';

export async function listUnits(call: Invocation): Promise<number> {
  const { data } = await withClient(call, (client) => client.query({ type: 'ListUnits' }));
  printRows(call, data.units, { fields: unitFields(lookOf(call.options, call.io)), asJson: unitJson });
  return exitCode.done;
}
