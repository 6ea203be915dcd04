import assert from 'node:assert/strict';
import type {
  KvCommand,
  KvErrorCode,
  KvResponse,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '../../../../shared/domain/kv.ts';
import { checkCommand } from '../checkCommand.ts';
import { createStore } from '../mvccStore.ts';
import type { Store } from '../store.ts';

interface When {
  store: Store;
  /** Executes a command and compares its answer. */
  when(command: KvCommand): { answers(expected: KvResponse): Store; isRefused(code: KvErrorCode): Store };
}

/** A store that has executed these commands, none of which is refused. */
export function given(...commands: KvCommand[]): When {
  const store = createStore();
  for (const command of commands) {
    const answer = store.execute(command);
    assert.ok(!('code' in answer), `${JSON.stringify(command)} was refused: ${JSON.stringify(answer)}`);
  }
  return { store, when: (command) => whenExecuted(store, command) };
}

function whenExecuted(store: Store, command: KvCommand): ReturnType<When['when']> {
  const before = snapshotOf(store);
  const answer = store.execute(command);
  return {
    answers(expected) {
      assert.deepEqual(answer, expected);
      assert.equal(checkCommand(command), null);
      return store;
    },
    /** Nothing has changed then, and what the check before the log refuses, execution refuses the same way. */
    isRefused(code) {
      assert.equal('code' in answer ? answer.code : undefined, code, JSON.stringify(answer));
      assert.equal(snapshotOf(store), before);
      const early = checkCommand(command);
      if (early !== null) assert.deepEqual(early, answer);
      return store;
    },
  };
}

/** What must be equal when nothing has changed. */
export function snapshotOf(store: Store): string {
  return Buffer.concat([...store.serialize()]).toString('latin1');
}

export function put(key: string, value = '', options: Partial<PutRequest> = {}): { type: 'Put' } & PutRequest {
  return { type: 'Put', key, value, ...options };
}

export function del(key: string, rangeEnd?: string): { type: 'DeleteRange'; key: string; rangeEnd?: string } {
  return rangeEnd === undefined ? { type: 'DeleteRange', key } : { type: 'DeleteRange', key, rangeEnd };
}

export function get(key: string, options: Partial<RangeRequest> = {}): { type: 'Range' } & RangeRequest {
  return { type: 'Range', key, ...options };
}

/** A transaction without comparisons, which therefore succeeds. */
export function txn(...success: RequestOp[]): { type: 'Txn' } & TxnRequest {
  return { type: 'Txn', compare: [], success, failure: [] };
}

/** The pairs of key and value that are there, sorted. */
export function contentOf(store: Store, options: Partial<RangeRequest> = {}): string[] {
  const answer = store.range({ key: '\0', rangeEnd: '\0', ...options });
  assert.ok(!('code' in answer), JSON.stringify(answer));
  return answer.kvs.map(({ key, value }) => `${key}=${value}`);
}
