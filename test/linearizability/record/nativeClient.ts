/** A recorded client of the native API over NATS, which any store may answer. */
import { nanoid } from 'nanoid';
import { NoLeaderError } from '../../../shared/bus/askPatiently.ts';
import { KvClient as NativeClient } from '../../../shared/bus/kvClient.ts';
import { watchKeys } from '../../../shared/bus/kvWatch.ts';
import { createNatsBus } from '../../../shared/bus/natsBus.ts';
import { connectNats } from '../../../shared/bus/natsConnection.ts';
import { systemClock } from '../../../shared/clock/systemClock.ts';
import type { KvError } from '../../../shared/domain/kv.ts';
import type { TestNats } from '../../support/nats.ts';
import type { KeyOp, TxnInput, TxnOutput } from '../models/transactions.ts';
import type { Answer, KvClient, WatchOptions } from './kvClient.ts';
import { endOfPrefix, refusal, resultOf, toChange, toTxn } from './serviceClient.ts';

const patienceMs = 5_000;

/** It reaches NATS directly, whatever stands between NATS and the stores. */
export async function createNativeKvClient({ url, user, password }: TestNats): Promise<KvClient> {
  const bus = createNatsBus(await connectNats({ server: url, user, password, name: 'recorded client' }));
  const client = new NativeClient({ bus, clock: systemClock, ids: nanoid, by: 'test', patienceMs });
  return {
    name: 'native API',
    txn: (input) => answered(() => execute(client, input)),
    watch: (options) => watch(client, options),
    close: () => bus.close(),
  };
}

type Told = { ok: true; output: TxnOutput } | { ok: false; error: KvError };

async function answered(ask: () => Promise<Told>): Promise<Answer<TxnOutput>> {
  try {
    const told = await ask();
    return told.ok ? { kind: 'done', output: told.output } : refusal(told.error);
  } catch (error) {
    if (!(error instanceof NoLeaderError)) throw error;
    return { kind: error.unanswered ? 'unknown' : 'refused', why: error.message };
  }
}

/** The plain calls where they say the same, so that they are tested too. */
async function execute(client: NativeClient, input: TxnInput): Promise<Told> {
  const [op, ...more] = input.success;
  if (input.compare.length === 0 && op && more.length === 0) return executeOne(client, op);
  const answer = await client.txn(toTxn(input));
  if (!answer.ok) return answer;
  const { succeeded, responses } = answer.response;
  return { ok: true, output: { revision: answer.revision, succeeded, results: responses.map(resultOf) } };
}

async function executeOne(client: NativeClient, op: KeyOp): Promise<Told> {
  const told = (revision: number, result: NonNullable<TxnOutput['results']>[number]): Told => {
    return { ok: true, output: { revision, succeeded: true, results: [result] } };
  };
  switch (op.type) {
    case 'get': {
      const answer = await client.range({ key: op.key });
      return answer.ok ? told(answer.revision, answer.response.kvs[0] ?? null) : answer;
    }
    case 'put': {
      const answer = await client.put(op.key, op.value);
      return answer.ok ? told(answer.revision, true) : answer;
    }
    case 'delete': {
      const answer = await client.delete({ key: op.key });
      return answer.ok ? told(answer.revision, answer.response.deleted > 0) : answer;
    }
  }
}

/** Such a watch takes up again by itself. */
function watch({ parts }: NativeClient, { prefix, startRevision, onMessage, onEnd }: WatchOptions): () => void {
  const ended = new AbortController();
  const receive = async () => {
    const range = { key: prefix, rangeEnd: endOfPrefix(prefix), startRevision };
    for await (const item of watchKeys(parts, range, { signal: ended.signal })) {
      if ('error' in item) onEnd(item.error.code);
      else onMessage(item.events.map(toChange));
    }
  };
  void receive();
  return () => ended.abort();
}
