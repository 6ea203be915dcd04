/** A recorded client of etcd's API. */
import { type ServiceError, status } from '@grpc/grpc-js';
import {
  CompareTarget,
  EventType,
  type KeyValue,
  KVService,
  LeaseService,
  LockService,
  type RequestOp,
  type ResponseHeader,
  type ResponseOp,
  type TxnRequest,
  type WatchResponse,
  WatchService,
} from '../../../services/kv/etcd/messages.ts';
import type { Sendable } from '../../../services/kv/etcd/wire/codec.ts';
import { createEtcdClient, type EtcdClient } from '../../support/etcdClient.ts';
import type { KeyOp, TxnInput, TxnOutput, Versioned } from '../models/transactions.ts';
import type { Answer, KvClient, LockClient, WatchOptions } from './kvClient.ts';
import { endOfPrefix } from './serviceClient.ts';

const timeoutMs = 5_000;

/** @param address `host:port` of a store, or of etcd itself. */
export function createEtcdKvClient(name: string, address: string): KvClient {
  const client = createEtcdClient(address);
  return {
    name,
    txn: (input) => answered(() => execute(client, input)),
    watch: (options) => watch(client, options),
    close: async () => client.close(),
  };
}

/** The plain calls where they say the same, so that they are tested too. */
async function execute(client: EtcdClient, input: TxnInput): Promise<TxnOutput> {
  const [op, ...more] = input.success;
  if (input.compare.length === 0 && op && more.length === 0) return executeOne(client, op);
  const { header, succeeded, responses } = await client.call(KVService.Txn, toTxn(input), { timeoutMs });
  return { revision: revisionOf(header), succeeded, results: responses.map(resultOf) };
}

async function executeOne(client: EtcdClient, op: KeyOp): Promise<TxnOutput> {
  const output = (header: ResponseHeader | undefined, result: Versioned | null | boolean): TxnOutput => {
    return { revision: revisionOf(header), succeeded: true, results: [result] };
  };
  switch (op.type) {
    case 'get': {
      const { header, kvs } = await client.call(KVService.Range, { key: op.key }, { timeoutMs });
      return output(header, kvs[0] ?? null);
    }
    case 'put': {
      const { header } = await client.call(KVService.Put, { key: op.key, value: op.value }, { timeoutMs });
      return output(header, true);
    }
    case 'delete': {
      const { header, deleted } = await client.call(KVService.DeleteRange, { key: op.key }, { timeoutMs });
      return output(header, deleted > 0);
    }
  }
}

function toTxn({ compare, success, failure }: TxnInput): Sendable<TxnRequest> {
  return {
    compare: compare.map(({ key, value }) =>
      value === null ? { key, target: CompareTarget.VERSION, version: 0 } : { key, target: CompareTarget.VALUE, value },
    ),
    success: success.map(toOp),
    failure: failure.map(toOp),
  };
}

function toOp(op: KeyOp): Sendable<RequestOp> {
  if (op.type === 'get') return { requestRange: { key: op.key } };
  return op.type === 'put' ? { requestPut: { key: op.key, value: op.value } } : { requestDeleteRange: { key: op.key } };
}

function resultOf({ responseRange, responseDeleteRange }: ResponseOp): Versioned | null | boolean {
  if (responseRange) return responseRange.kvs[0] ?? null;
  return responseDeleteRange ? responseDeleteRange.deleted > 0 : true;
}

function revisionOf(header: ResponseHeader | undefined): number {
  if (!header) throw new Error('an answer without a header');
  return header.revision;
}

async function answered<Output>(ask: () => Promise<Output>): Promise<Answer<Output>> {
  try {
    return { kind: 'done', output: await ask() };
  } catch (error) {
    if (!isServiceError(error)) throw error;
    return { kind: isRefusal(error) ? 'refused' : 'unknown', why: error.message };
  }
}

function done<Output>(output: Output): Answer<Output> {
  return { kind: 'done', output };
}

const refusals: readonly number[] = [
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.OUT_OF_RANGE,
  status.FAILED_PRECONDITION,
  status.RESOURCE_EXHAUSTED,
  status.PERMISSION_DENIED,
  status.UNAUTHENTICATED,
];

/** "Unavailable" is said of what was not done, and of what may have been done. */
function isRefusal({ code, details }: ServiceError): boolean {
  return refusals.includes(code) || (code === status.UNAVAILABLE && details === 'etcdserver: no leader');
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error;
}

function watch(client: EtcdClient, { prefix, startRevision, onMessage, onEnd }: WatchOptions): () => void {
  const stream = client.stream(WatchService.Watch);
  let over = false;
  const end = (why: string) => {
    if (over) return;
    over = true;
    stream.cancel();
    onEnd(why);
  };
  stream.on('data', (response: WatchResponse) => {
    if (over) return;
    if (response.canceled) return end(response.cancelReason);
    const changes = response.events.map(({ type, kv }) => toChange(type, kv));
    if (changes.length > 0) onMessage(changes);
  });
  stream.on('error', (error) => end(error.message));
  stream.on('end', () => end('the stream ended'));
  stream.write({ createRequest: { key: prefix, rangeEnd: endOfPrefix(prefix), startRevision } });
  return () => {
    over = true;
    stream.cancel();
  };
}

function toChange(type: number, kv: KeyValue | undefined) {
  if (!kv) throw new Error('an event without a key');
  const { key, value, modRevision } = kv;
  return { revision: modRevision, type: type === EventType.PUT ? ('put' as const) : ('delete' as const), key, value };
}

/** @param client of one store; a lock that is waited for is asked there. */
export function createEtcdLockClient(client: EtcdClient): LockClient {
  const patience = { timeoutMs: 30_000 };
  return {
    grantLease: (ttlS) =>
      answered(async () => (await client.call(LeaseService.LeaseGrant, { TTL: ttlS }, { timeoutMs })).ID),
    acquire: async (name, lease) => {
      const answer = await answered(async () => {
        const { key } = await client.call(LockService.Lock, { name, lease }, patience);
        // The revision at which its key was made: etcd's own choice of a fencing token.
        const { kvs } = await client.call(KVService.Range, { key }, { timeoutMs });
        return { key, token: kvs[0]?.createRevision };
      });
      if (answer.kind !== 'done') return answer;
      const { key, token } = answer.output;
      return token === undefined ? { kind: 'unknown', why: 'the lease ran out at once' } : done({ key, token });
    },
    release: (key) =>
      answered(async () => {
        await client.call(LockService.Unlock, { key }, { timeoutMs });
        return null;
      }),
  };
}
