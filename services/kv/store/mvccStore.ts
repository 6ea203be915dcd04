import type {
  KvCommand,
  KvError,
  KvResponse,
  LeaseId,
  RangeRequest,
  RangeResponse,
  TxnRequest,
  TxnResponse,
  WatchRequest,
} from '../../../shared/domain/kv.ts';
import { mayRead, mayTxn } from './authorize.ts';
import { checkRange, checkTxn, isReadOnly } from './checkCommand.ts';
import { executeCommand } from './executeCommand.ts';
import { checkRevision, range } from './range.ts';
import { restoreState } from './restore.ts';
import { serialize } from './serialize.ts';
import { emptyState, type State } from './state.ts';
import type { AuthView, Store, StoreView, Watch } from './store.ts';
import { executeTxn } from './txn.ts';
import { WatchHub } from './watchHub.ts';

export function createStore(): Store {
  return new MvccStore(emptyState());
}

/**
 * The store that gave these chunks ({@link StoreView.serialize}). It answers and goes on as that one would.
 * @throws {SnapshotError} when the chunks are damaged, or of a version that this program does not know.
 */
export function restoreStore(chunks: Iterable<Uint8Array>): Store {
  return new MvccStore(restoreState(chunks));
}

class MvccStore implements Store {
  readonly #state: State;
  readonly #hub: WatchHub;

  constructor(state: State) {
    this.#state = state;
    this.#hub = new WatchHub(state.keyspace);
  }

  get revision(): number {
    return this.#state.keyspace.revision;
  }

  get compactRevision(): number {
    return this.#state.keyspace.compactRevision;
  }

  get sizeBytes(): number {
    return this.#state.keyspace.sizeBytes;
  }

  get sizeInUseBytes(): number {
    return this.#state.keyspace.sizeInUseBytes;
  }

  get alarms(): StoreView['alarms'] {
    return this.#state.alarms.all;
  }

  get auth(): AuthView {
    return this.#state.auth;
  }

  execute(command: KvCommand): KvResponse | KvError {
    const { keyspace } = this.#state;
    const before = keyspace.history.end;
    const result = executeCommand(this.#state, command);
    if (keyspace.commit()) this.#hub.publish(before);
    return result;
  }

  tidy(): boolean {
    return this.#state.keyspace.tidy();
  }

  range(request: RangeRequest, user?: string): RangeResponse | KvError {
    const { keyspace } = this.#state;
    const refusal =
      checkRange(request) ?? mayRead(this.#state, request, user) ?? checkRevision(keyspace, request.revision);
    return refusal ?? range(keyspace, request);
  }

  read(txn: TxnRequest, user?: string): TxnResponse | KvError {
    if (!isReadOnly(txn)) return { code: 'invalid-request', message: 'The transaction could write.' };
    return checkTxn(txn) ?? mayTxn(this.#state, txn, user) ?? executeTxn(this.#state, txn);
  }

  lease(lease: LeaseId): { ttlS: number; keys: string[] } | null {
    const ttlS = this.#state.leases.ttlOf(lease);
    return ttlS === null ? null : { ttlS, keys: this.#state.leases.keysOf(lease) };
  }

  leases(): { lease: LeaseId; ttlS: number }[] {
    return this.#state.leases.all();
  }

  watch(request: WatchRequest, onReady: () => void): Watch {
    return this.#hub.watch(request, onReady);
  }

  hashKv(revision: number): { hash: number; compactRevision: number } | KvError {
    const { keyspace } = this.#state;
    const refusal = checkRevision(keyspace, revision);
    if (refusal !== null) return refusal;
    const { compactRevision } = keyspace;
    return { hash: keyspace.hash(revision > 0 ? revision : keyspace.revision), compactRevision };
  }

  serialize(): Iterable<Uint8Array> {
    return serialize(this.#state);
  }
}
