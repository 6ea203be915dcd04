import { exitCode } from '../../errors.ts';
import { deleteJson, deleteLines, printResult } from '../../kv/output.ts';
import { deleteRequest } from '../../kv/requests.ts';
import { orFail, withStore } from '../../kv/store.ts';
import type { Invocation } from '../../verb.ts';

export async function del(call: Invocation): Promise<number> {
  const request = deleteRequest(call.args, call.options);
  const { revision, response } = await withStore(call, async (store) => orFail(await store.delete(request)));
  printResult(call, { json: () => deleteJson(revision, response), simple: () => deleteLines(response) });
  return exitCode.done;
}
