/**
 * The key/value store as plainly as it can be said: one array of all changes, from which every answer is folded anew.
 * Slow, and with none of the real store's data structures; what the two disagree on is a mistake in one of them.
 */
import type {
  Bytes,
  Compare,
  KeyRange,
  KeyValue,
  KvCommand,
  KvErrorCode,
  KvResponse,
  PutRequest,
  RangeRequest,
  RangeResponse,
  RequestOp,
  ResponseOp,
  TxnRequest,
  TxnResponse,
  WatchEvent,
  WatchRequest,
} from '../../../../shared/domain/kv.ts';
import { hasDuplicates } from './modelDuplicates.ts';

/** A version of a key; one of a deletion has version 0. */
export interface Change extends KeyValue {
  deleted: boolean;
}

/** Any of these would be right where several things are wrong at once. */
export interface Refused {
  refused: Set<KvErrorCode>;
}

export interface ModelWatch {
  request: WatchRequest;
  next: number;
  /** It began in the past and has not come to the present yet: a compaction can overtake it. */
  behind: boolean;
}

export class ModelStore {
  changes: Change[] = [];
  revision = 1;
  compactRevision = 0;
  leases = new Map<string, number>();

  execute(command: KvCommand): KvResponse | Refused {
    const changesBefore = this.changes.length;
    const response = this.#dispatch(command);
    if (this.changes.length > changesBefore) this.revision++;
    return response;
  }

  range(request: RangeRequest): RangeResponse | Refused {
    const refused = new Set(this.#rangeProblems(request));
    return refused.size > 0 ? { refused } : this.#range(request);
  }

  /** What was there at `revision`, sorted by key. */
  at(revision: number): KeyValue[] {
    const live = new Map<Bytes, KeyValue>();
    for (const { deleted, ...kv } of this.changes.filter(({ modRevision }) => modRevision <= revision)) {
      if (deleted) live.delete(kv.key);
      else live.set(kv.key, kv);
    }
    return [...live.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  now(): KeyValue[] {
    return this.at(Number.POSITIVE_INFINITY);
  }

  sizeInUse(): number {
    return this.now().reduce((sum, { key, value }) => sum + key.length + value.length, 0);
  }

  /** A change counts until the compaction reaches what replaced it, or the deletion that it is. */
  size(): number {
    const counted = this.changes.filter((change, i) => {
      const next = this.changes.slice(i + 1).find(({ key }) => key === change.key);
      return change.deleted
        ? change.modRevision > this.compactRevision
        : next === undefined || next.modRevision > this.compactRevision;
    });
    return counted.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
  }

  keysOf(lease: string): Bytes[] {
    return this.now()
      .filter((kv) => kv.lease === lease)
      .map(({ key }) => key);
  }

  watch(request: WatchRequest): ModelWatch {
    const start = request.startRevision ?? 0;
    const next = start > 0 ? start : this.revision + 1;
    return { request, next, behind: next <= this.revision };
  }

  pull(watch: ModelWatch, maxEvents: number): { revision: number; events: WatchEvent[] } | { compactRevision: number } {
    if (watch.behind && watch.next < this.compactRevision) return { compactRevision: this.compactRevision };
    const waiting = this.changes.filter((change) => this.concerns(watch, change));
    const end = waiting[maxEvents - 1]?.modRevision ?? this.revision;
    const events = waiting.filter(({ modRevision }) => modRevision <= end);
    const isMore = watch.behind ? end < this.revision : events.length < waiting.length;
    watch.behind &&= isMore;
    watch.next = Math.max(watch.next, isMore ? end + 1 : this.revision + 1);
    return { revision: isMore ? end : this.revision, events: events.map((change) => this.#event(watch, change)) };
  }

  concerns({ request, next }: ModelWatch, change: Change): boolean {
    const isUnwanted = change.deleted ? request.noDelete : request.noPut;
    return change.modRevision >= next && isIn(request, change.key) && !isUnwanted;
  }

  #event(watch: ModelWatch, { deleted, ...kv }: Change): WatchEvent {
    const before = kv.modRevision - 1;
    const isCreation = kv.createRevision === kv.modRevision;
    const prevKv =
      watch.request.prevKv && !isCreation && before >= this.compactRevision
        ? this.at(before).find(({ key }) => key === kv.key)
        : undefined;
    return { type: deleted ? 'delete' : 'put', kv, ...(prevKv ? { prevKv } : {}) };
  }

  #dispatch(command: KvCommand): KvResponse | Refused {
    switch (command.type) {
      case 'Put':
      case 'DeleteRange': {
        const result = this.#txn({ compare: [], success: [command], failure: [] });
        return 'refused' in result ? result : (result.responses[0] as ResponseOp);
      }
      case 'Txn': {
        const result = this.#txn(command);
        return 'refused' in result ? result : { type: 'Txn', ...result };
      }
      case 'Compact':
        if (command.revision <= this.compactRevision) return { refused: new Set(['compacted']) };
        if (command.revision > this.revision) return { refused: new Set(['future-revision']) };
        this.compactRevision = command.revision;
        return { type: 'Done' };
      case 'LeaseGrant':
        if (this.leases.has(command.lease)) return { refused: new Set(['lease-exists']) };
        this.leases.set(command.lease, command.ttlS);
        return { type: 'LeaseGrant', lease: command.lease, ttlS: command.ttlS };
      case 'LeaseRevoke':
      case 'LeaseExpire':
        if (!this.leases.delete(command.lease)) return { refused: new Set(['lease-not-found']) };
        for (const key of this.keysOf(command.lease)) this.#delete(key);
        return { type: 'Done' };
      default:
        throw new Error(`The model knows no ${command.type}.`);
    }
  }

  #txn(txn: TxnRequest): TxnResponse | Refused {
    const chosen = this.#choose(txn);
    const problems = [...staticProblems(txn), ...this.#problems(chosen.operations)];
    return problems.length > 0 ? { refused: new Set(problems) } : this.#run(chosen);
  }

  /** Takes all decisions, nested ones too, before anything is written. */
  #choose(txn: TxnRequest): Chosen {
    const succeeded = txn.compare.every((compare) => this.#holds(compare));
    const operations = (succeeded ? txn.success : txn.failure).map((op) =>
      op.type === 'Txn' ? { type: 'Chosen' as const, ...this.#choose(op) } : op,
    );
    return { succeeded, operations };
  }

  #problems(operations: Chosen['operations']): KvErrorCode[] {
    return operations.flatMap((op) => {
      if (op.type === 'Chosen') return this.#problems(op.operations);
      if (op.type === 'Range') return this.#rangeProblems(op);
      return op.type === 'Put' ? this.#putProblems(op) : [];
    });
  }

  #rangeProblems({ revision = 0 }: RangeRequest): KvErrorCode[] {
    if (revision > this.revision) return ['future-revision'];
    return revision > 0 && revision < this.compactRevision ? ['compacted'] : [];
  }

  #putProblems(put: PutRequest): KvErrorCode[] {
    const problems: KvErrorCode[] = [];
    const exists = this.now().some(({ key }) => key === put.key);
    if ((put.ignoreValue || put.ignoreLease) && !exists) problems.push('key-not-found');
    if (put.lease && put.lease !== '0' && !this.leases.has(put.lease)) problems.push('lease-not-found');
    return problems;
  }

  #run({ succeeded, operations }: Chosen): TxnResponse {
    return { succeeded, responses: operations.map((op) => this.#runOperation(op)) };
  }

  #runOperation(op: Chosen['operations'][number]): ResponseOp {
    switch (op.type) {
      case 'Chosen':
        return { type: 'Txn', ...this.#run(op) };
      case 'Range':
        return { type: 'Range', ...this.#range(op) };
      case 'Put':
        return { type: 'Put', ...this.#put(op) };
      case 'DeleteRange': {
        const doomed = this.now().filter(({ key }) => isIn(op, key));
        for (const { key } of doomed) this.#delete(key);
        return { type: 'DeleteRange', deleted: doomed.length, prevKvs: op.prevKv ? doomed : [] };
      }
    }
  }

  #put(put: PutRequest): { prevKv?: KeyValue } {
    const old = this.now().find(({ key }) => key === put.key);
    this.changes.push({
      key: put.key,
      value: (put.ignoreValue ? old?.value : undefined) ?? put.value,
      createRevision: old?.createRevision ?? this.revision + 1,
      modRevision: this.revision + 1,
      version: (old?.version ?? 0) + 1,
      lease: (put.ignoreLease ? old?.lease : put.lease) ?? '0',
      deleted: false,
    });
    return put.prevKv && old ? { prevKv: old } : {};
  }

  #delete(key: Bytes): void {
    const modRevision = this.revision + 1;
    this.changes.push({ key, value: '', createRevision: 0, modRevision, version: 0, lease: '0', deleted: true });
  }

  #range(request: RangeRequest): RangeResponse {
    const { revision = 0, limit = 0, sortOrder = 'none', sortTarget = 'key' } = request;
    const all = this.at(revision > 0 ? revision : Number.POSITIVE_INFINITY).filter(({ key }) => isIn(request, key));
    if (request.countOnly) return { kvs: [], count: all.length, more: false };
    let kvs = all.filter((kv) => passes(request, kv));
    const most = limit > 0 ? limit : Number.POSITIVE_INFINITY;
    const more = kvs.length > most;
    // etcd cuts before it sorts where a target is given without an order, one later than it should.
    if (sortOrder === 'none' && !hasFilter(request)) kvs = kvs.slice(0, most + 1);
    if (sortOrder !== 'none' || sortTarget !== 'key') kvs = sortBy(kvs, sortTarget, sortOrder === 'descend');
    kvs = kvs.slice(0, most);
    return { kvs: request.keysOnly ? kvs.map((kv) => ({ ...kv, value: '' })) : kvs, count: all.length, more };
  }

  #holds(compare: Compare): boolean {
    const compared = this.now().filter(({ key }) => isIn(compare, key));
    if (compared.length > 0) return compared.every((kv) => isTrueOf(compare, kv));
    const missing = { key: '', value: '', createRevision: 0, modRevision: 0, version: 0, lease: '0' };
    return compare.target !== 'value' && isTrueOf(compare, missing);
  }
}

interface Chosen {
  succeeded: boolean;
  operations: (Exclude<RequestOp, { type: 'Txn' }> | ({ type: 'Chosen' } & Chosen))[];
}

export function isIn({ key: from, rangeEnd = '' }: KeyRange, key: Bytes): boolean {
  if (rangeEnd === '') return key === from;
  return key >= from && (rangeEnd === '\0' || key < rangeEnd);
}

function staticProblems(txn: TxnRequest): KvErrorCode[] {
  const own = [...txn.success, ...txn.failure].flatMap((op): KvErrorCode[] => {
    if (op.type === 'Txn') return staticProblems(op);
    if (op.type !== 'Put') return [];
    if (op.ignoreValue && op.value !== '') return ['value-provided'];
    return op.ignoreLease && (op.lease ?? '0') !== '0' ? ['lease-provided'] : [];
  });
  return hasDuplicates(txn) ? [...own, 'duplicate-key'] : own;
}

function hasFilter(request: RangeRequest): boolean {
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request;
  return [minModRevision, maxModRevision, minCreateRevision, maxCreateRevision].some((bound) => (bound ?? 0) !== 0);
}

function passes(request: RangeRequest, kv: KeyValue): boolean {
  const { minModRevision = 0, maxModRevision = 0, minCreateRevision = 0, maxCreateRevision = 0 } = request;
  if (minModRevision !== 0 && kv.modRevision < minModRevision) return false;
  if (maxModRevision !== 0 && kv.modRevision > maxModRevision) return false;
  if (minCreateRevision !== 0 && kv.createRevision < minCreateRevision) return false;
  return maxCreateRevision === 0 || kv.createRevision <= maxCreateRevision;
}

function sortBy(kvs: KeyValue[], target: NonNullable<RangeRequest['sortTarget']>, descending: boolean): KeyValue[] {
  const sign = descending ? -1 : 1;
  const field = {
    key: 'key',
    version: 'version',
    create: 'createRevision',
    mod: 'modRevision',
    value: 'value',
  } as const;
  return kvs.toSorted((a, b) => {
    const [x, y] = [a[field[target]], b[field[target]]];
    return x === y ? 0 : x < y ? -sign : sign;
  });
}

function isTrueOf(compare: Compare, kv: KeyValue): boolean {
  const [actual, given] = compared(compare, kv);
  switch (compare.result) {
    case 'equal':
      return actual === given;
    case 'not-equal':
      return actual !== given;
    case 'greater':
      return actual > given;
    case 'less':
      return actual < given;
  }
}

function compared(compare: Compare, kv: KeyValue): [bigint | string, bigint | string] {
  switch (compare.target) {
    case 'value':
      return [kv.value, compare.value];
    case 'lease':
      return [BigInt(kv.lease), BigInt(compare.lease)];
    case 'version':
      return [BigInt(kv.version), BigInt(compare.number)];
    case 'create':
      return [BigInt(kv.createRevision), BigInt(compare.number)];
    case 'mod':
      return [BigInt(kv.modRevision), BigInt(compare.number)];
  }
}
