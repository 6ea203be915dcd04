import { once } from 'node:events';
import { claim } from '../../../shared/bus/kvClaim.ts';
import type { KvClient } from '../../../shared/bus/kvClient.ts';
import { observeElection } from '../../../shared/bus/kvElection.ts';
import { openSession } from '../../../shared/bus/kvSession.ts';
import type { Bytes } from '../../../shared/domain/kv.ts';
import { bytesOfText } from '../../../shared/domain/kvKeys.ts';
import { exitCode, FailureError, UsageError } from '../../errors.ts';
import { keyOf, ttlOf } from '../../kv/arguments.ts';
import { untilInterrupted } from '../../kv/interrupt.ts';
import { base64, printResult } from '../../kv/output.ts';
import { orFail, refusal, withStore } from '../../kv/store.ts';
import type { Invocation } from '../../verb.ts';

export async function elect(call: Invocation): Promise<number> {
  const [name, proposal] = [keyOf(call.args[0]), call.args[1]];
  const listens = call.options.flag('listen');
  if (listens === (proposal !== undefined))
    throw new UsageError('give either PROPOSAL, to stand, or --listen, to look on');
  const value = bytesOfText(proposal ?? '');
  return withStore(call, (store) => (listens ? lookOn(call, store, name) : stand(call, store, { name, value })));
}

async function lookOn(call: Invocation, store: KvClient, name: Bytes): Promise<number> {
  for await (const leader of observeElection(store, name, untilInterrupted())) {
    if ('error' in leader) throw refusal(leader.error);
    show(call, { key: leader.key, value: leader.value, token: leader.createRevision });
  }
  return exitCode.done;
}

/** Leads until it is interrupted. */
async function stand(
  call: Invocation,
  store: KvClient,
  { name, value }: { name: Bytes; value: Bytes },
): Promise<number> {
  const interrupted = untilInterrupted();
  const session = orFail(await openSession(store, { ttlS: ttlOf(call.options) })).response;
  try {
    const { key, token } = orFail(await claim(store, { session, name, value, signal: interrupted })).response;
    show(call, { key, value, token });
    const over = AbortSignal.any([interrupted, session.lost]);
    if (!over.aborted) await once(over, 'abort');
    if (session.lost.aborted) throw new FailureError(`it leads no more: ${session.lost.reason}`);
    return exitCode.done;
  } finally {
    await session.close();
  }
}

function show(call: Invocation, { key, value, token }: { key: Bytes; value: Bytes; token: number }): void {
  printResult(call, {
    json: () => ({ key: base64(key), value: base64(value), token }),
    simple: () => [key, value],
  });
}
