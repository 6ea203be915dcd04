import type { KvMemberView } from '../../../shared/protocol/kv.ts';
import { exitCode } from '../../errors.ts';
import { header, printResult } from '../../kv/output.ts';
import { orFail, withStore } from '../../kv/store.ts';
import type { Invocation } from '../../verb.ts';

export async function members(call: Invocation): Promise<number> {
  const { revision, response } = await withStore(call, async (store) => orFail(await store.members()));
  printResult(call, {
    json: () => ({ ...header(revision), members: response.members.map(memberJson) }),
    simple: () =>
      response.members.map(({ id, name, clientUrls }) => `${hex(id)}, started, ${name}, ${clientUrls.join(',')}`),
  });
  return exitCode.done;
}

/** As etcdctl shows ids of members. */
export function hex(id: string): string {
  return BigInt(id).toString(16);
}

export function memberJson({ id, name, clientUrls }: KvMemberView): object {
  return { id, name, client_urls: clientUrls };
}
