import { withClient } from '../client.ts';
import { exitCode, FailureError } from '../errors.ts';
import { describeUnits } from '../unitDetails.ts';
import { resolveUnits } from '../unitNames.ts';
import type { Invocation } from '../verb.ts';

/** Prints unit files byte for byte; of several, one after the other. */
export async function cat(call: Invocation): Promise<number> {
  const units = await withClient(call, async (client) => describeUnits(client, await resolveUnits(client, call.args)));
  const unknown = units.filter(({ file }) => file === undefined).map(({ name }) => name);
  if (unknown.length > 0) throw new FailureError(`not known to the cluster: ${unknown.join(', ')}`);
  for (const { text } of units) call.io.write(text ?? '');
  return exitCode.done;
}
