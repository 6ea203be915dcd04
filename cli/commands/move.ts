import { withClient } from '../client.ts';
import { demand } from '../demand.ts';
import { exitCode } from '../errors.ts';
import { resolveMachines } from '../machineNames.ts';
import { tellEffect, timeoutOf } from '../unitCommands.ts';
import { resolveUnits } from '../unitNames.ts';
import type { Invocation } from '../verb.ts';

/** Moves units to other machines, all at once. */
export function move(call: Invocation): Promise<number> {
  const { io, options, args } = call;
  const wished = options.text('to');
  const reason = options.text('reason') ?? 'somebody moved it';
  const timeoutS = timeoutOf(options);
  return withClient(call, async (client) => {
    const [target] = wished === undefined ? [] : await resolveMachines(client, [wished]);
    const names = await resolveUnits(client, args, { withTemplates: false });
    const to = target === undefined ? {} : { to: target.id };
    const minSeq = await demand(client, { type: 'MoveUnits', units: names.map((name) => ({ name, ...to })), reason });
    if (!options.flag('block')) return exitCode.done;
    return tellEffect(io, client, { until: 'launched', timeoutS }, { names, minSeq });
  });
}
