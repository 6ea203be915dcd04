import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeCommit, genesis, hashCommit } from '../protocol/commit.ts';
import { subjects } from '../protocol/subjects.ts';
import { schemaVersion } from '../protocol/upcasts.ts';
import { checkChain } from './checkChain.ts';
import { BrokenChainError } from './fold.ts';
import { createMemoryLog } from './memoryLog.ts';

/** Three commits, of which the last may name another one before it than there is. */
async function logWith(lastPrev?: string) {
  const log = createMemoryLog().open();
  let [prev, expectedSeq] = [genesis, 0];
  for (let n = 1; n <= 3; n++) {
    const fields = { v: schemaVersion, id: `c${n}`, at: n, by: 'test', cause: '', events: [] };
    const data = encodeCommit({ ...fields, prev: n === 3 ? (lastPrev ?? prev) : prev });
    ({ seq: expectedSeq } = await log.append({ subject: subjects.clusterLog, id: fields.id, data, expectedSeq }));
    prev = hashCommit(data);
  }
  return log;
}

test('a chain that holds is counted, from its beginning or from within', async () => {
  const log = await logWith();
  assert.equal(await checkChain(log, 1), 3);
  assert.equal(await checkChain(log, 3), 1);
  assert.equal(await checkChain(log, 4), 0);
});

test('a commit that does not continue the one before it is found, with its sequence', async () => {
  const log = await logWith('somebody changed this');
  await assert.rejects(
    checkChain(log, 1),
    (error) => error instanceof BrokenChainError && /sequence 3/.test(error.message),
  );
});
