import { numberedInstances } from '../../shared/domain/unitName.ts';
import { withClient } from '../client.ts';
import { demand } from '../demand.ts';
import { exitCode, UsageError } from '../errors.ts';
import { tellEffect, timeoutOf } from '../unitCommands.ts';
import { withType } from '../unitNames.ts';
import type { Invocation } from '../verb.ts';

const mostInstances = 10_000;

/** So many instances of a template, numbered from 1. */
export async function scale(call: Invocation): Promise<number> {
  const { io, options, args } = call;
  const [typed = '', text = ''] = args;
  const count = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(count <= mostInstances)) throw new UsageError(`scale takes a template and a count up to ${mostInstances}`);
  const template = withType(typed.includes('@') ? typed : `${typed}@`);
  const timeoutS = timeoutOf(options);
  return withClient(call, async (client) => {
    const minSeq = await demand(client, { type: 'ScaleUnits', template, count });
    const names = numberedInstances(template, count);
    if (options.flag('block') && count > 0)
      return tellEffect(io, client, { until: 'launched', timeoutS }, { names, minSeq });
    io.out(`${template}: ${count} wished`);
    return exitCode.done;
  });
}
