import type { RangeResponse } from '../../../shared/domain/kv.ts';
import { exitCode } from '../../errors.ts';
import { keyAndValue, printResult, rangeJson } from '../../kv/output.ts';
import { getRequest } from '../../kv/requests.ts';
import { orFail, withStore } from '../../kv/store.ts';
import type { Options } from '../../options.ts';
import type { Invocation } from '../../verb.ts';

export async function get(call: Invocation): Promise<number> {
  const { args, options } = call;
  const request = getRequest(args, options);
  const serializable = options.choice('consistency', ['l', 's']) === 's';
  const answer = await withStore(call, async (store) => orFail(await store.range(request, { serializable })));
  printResult(call, {
    json: () => rangeJson(answer.revision, answer.response),
    simple: () => linesOf(options, answer.response),
  });
  return exitCode.done;
}

function linesOf(options: Options, { kvs, count }: RangeResponse): string[] {
  if (options.flag('countOnly')) return [String(count)];
  if (options.flag('printValueOnly')) return kvs.map(({ value }) => value);
  return kvs.flatMap(keyAndValue);
}
