import { exitCode } from '../../errors.ts';
import { wholeNumber } from '../../kv/arguments.ts';
import { header, printResult } from '../../kv/output.ts';
import { orFail, withStore } from '../../kv/store.ts';
import type { Invocation } from '../../verb.ts';

export async function compact(call: Invocation): Promise<number> {
  const revision = wholeNumber(call.args[0], 'REVISION', { min: 1 });
  const answer = await withStore(call, async (store) => orFail(await store.compact(revision)));
  printResult(call, {
    json: () => ({ ...header(answer.revision), compact_revision: revision }),
    simple: () => [`compacted revision ${revision}`],
  });
  return exitCode.done;
}
