/** A recorded client inside the process of its store: what both faces of the store use, without either of them. */
import type { KvService } from '../../../services/kv/kvService.ts';
import type { KvError, KvErrorCode, RequestOp, ResponseOp, TxnRequest, WatchEvent } from '../../../shared/domain/kv.ts';
import type { KeyOp, TxnInput, TxnOutput, Versioned } from '../models/transactions.ts';
import type { Change } from '../watch.ts';
import type { Answer, KvClient, WatchOptions } from './kvClient.ts';

const mostEvents = 100;

/** A store's service, and when it is no longer there. */
export interface Serving {
  service: KvService;
  ended: Promise<unknown>;
}

/** @param serving null while the store does not serve. */
export function createServiceClient(name: string, serving: () => Serving | null): KvClient {
  return {
    name,
    txn: async (input) => {
      const now = serving();
      return now ? Promise.race([execute(now.service, toTxn(input)), lost(now.ended)]) : notServing;
    },
    watch: (options) => {
      const now = serving();
      if (now) return watch(now, options);
      options.onEnd(notServing.why);
      return () => {};
    },
    close: async () => {},
  };
}

const notServing = { kind: 'refused', why: 'it does not serve' } as const;

/** As a connection would: it ends with the store, whatever was asked on it. */
async function lost(ended: Promise<unknown>): Promise<Answer<never>> {
  await ended;
  return { kind: 'unknown', why: 'the store is gone' };
}

async function execute(service: KvService, txn: TxnRequest): Promise<Answer<TxnOutput>> {
  const result = await service.execute({ type: 'Txn', ...txn });
  if (!result.ok) return refusal(result.error);
  if (result.response.type !== 'Txn') throw new Error(`a transaction was answered by ${result.response.type}`);
  const { succeeded, responses } = result.response;
  return { kind: 'done', output: { revision: result.revision, succeeded, results: responses.map(resultOf) } };
}

const unknown: readonly KvErrorCode[] = ['timeout', 'leader-changed', 'stopped'];

/** {@link KvService.execute} says which refusals tell nothing. */
export function refusal({ code, message = '' }: KvError): Answer<never> {
  return { kind: unknown.includes(code) ? 'unknown' : 'refused', why: `${code} ${message}` };
}

/** The request as the store understands it; keys and values of these tests are ASCII, so they are their own bytes. */
export function toTxn({ compare, success, failure }: TxnInput): TxnRequest {
  return {
    compare: compare.map(({ key, value }) =>
      value === null
        ? { key, target: 'version', result: 'equal', number: 0 }
        : { key, target: 'value', result: 'equal', value },
    ),
    success: success.map(toOp),
    failure: failure.map(toOp),
  };
}

function toOp(op: KeyOp): RequestOp {
  if (op.type === 'get') return { type: 'Range', key: op.key };
  return op.type === 'put' ? { type: 'Put', key: op.key, value: op.value } : { type: 'DeleteRange', key: op.key };
}

export function resultOf(response: ResponseOp): Versioned | null | boolean {
  if (response.type === 'Range') return response.kvs[0] ?? null;
  return response.type === 'DeleteRange' ? response.deleted > 0 : true;
}

function watch({ service, ended }: Serving, { prefix, startRevision, onMessage, onEnd }: WatchOptions): () => void {
  let over = false;
  const end = (why: string) => {
    if (over) return;
    over = true;
    watching.close();
    onEnd(why);
  };
  const pull = () => {
    while (!over) {
      const pulled = watching.pull(mostEvents);
      if ('compactRevision' in pulled) return end(`compacted at ${pulled.compactRevision}`);
      if (pulled.events.length === 0) return;
      onMessage(pulled.events.map(toChange));
    }
  };
  const watching = service.store.watch({ key: prefix, rangeEnd: endOfPrefix(prefix), startRevision }, pull);
  void ended.then(() => end('the store is gone'));
  pull();
  return () => {
    over = true;
    watching.close();
  };
}

/** The first key after all that begin with it; its last char is below U+00FF. */
export function endOfPrefix(prefix: string): string {
  const last = prefix.length - 1;
  return prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1);
}

export function toChange({ type, kv: { key, value, modRevision } }: WatchEvent): Change {
  return { revision: modRevision, type, key, value };
}
