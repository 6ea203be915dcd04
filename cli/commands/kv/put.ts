import { bytesOf } from '../../../shared/domain/kvKeys.ts';
import { exitCode } from '../../errors.ts';
import { printResult, putJson, putLines } from '../../kv/output.ts';
import { putRequest } from '../../kv/requests.ts';
import { orFail, withStore } from '../../kv/store.ts';
import type { Invocation } from '../../verb.ts';

export async function put(call: Invocation): Promise<number> {
  const { args, options, io } = call;
  const { key, value: typed, ...wish } = putRequest(args, options);
  const value = typed ?? bytesOf(await io.read());
  const { revision, response } = await withStore(call, async (store) => orFail(await store.put(key, value, wish)));
  printResult(call, { json: () => putJson(revision, response), simple: () => putLines(response) });
  return exitCode.done;
}
