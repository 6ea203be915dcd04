import { withClient } from '../client.ts';
import { demand } from '../demand.ts';
import { exitCode } from '../errors.ts';
import { awaitRollback } from '../rollOut.ts';
import { unitNameOf } from '../unitNames.ts';
import type { Invocation } from '../verb.ts';

/** Turns a rolling replacement that is under way, or ends it where it is; the cluster goes on whether somebody waits or not. */
export function rollback(call: Invocation): Promise<number> {
  const { io, options, args } = call;
  const names = [...new Set(args.map(unitNameOf))];
  const units = names.map((name) => ({ name }));
  const keep = options.flag('keep');
  const why = options.text('reason') ?? '';
  const reason = why === '' ? 'somebody stopped it' : `somebody stopped it: ${why}`;
  return withClient(call, async (client) => {
    const minSeq = await demand(client, { type: 'StopRollouts', units, reason, ...(keep ? { keep } : {}) });
    if (keep) io.out('No unit is replaced any more; each keeps the version that it has');
    else if (options.flag('block')) await awaitRollback(client, io, { names, minSeq });
    return exitCode.done;
  });
}
