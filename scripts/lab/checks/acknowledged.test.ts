import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterEvent } from '../../../shared/domain/events.ts';
import { createMemoryLog } from '../../../shared/log/memoryLog.ts';
import { encodeCommit, genesis, hashCommit } from '../../../shared/protocol/commit.ts';
import { subjects } from '../../../shared/protocol/subjects.ts';
import { schemaVersion } from '../../../shared/protocol/upcasts.ts';
import { joined, submission, submitted } from '../../../test/support/samples.ts';
import type { CommandRecord, Wish } from '../workload/commandStream.ts';
import { checkLog } from './acknowledged.ts';

const unit = 'a.service';

async function logOf(...commits: ClusterEvent[][]) {
  const log = createMemoryLog().open();
  let prev = genesis;
  for (const [index, events] of commits.entries()) {
    const id = `commit-${index}`;
    const data = encodeCommit({
      v: schemaVersion,
      id,
      at: 1_000 * index,
      by: 'scheduler/x',
      cause: 'test',
      prev,
      events,
    });
    await log.append({ subject: subjects.clusterLog, id, data, expectedSeq: index });
    prev = hashCommit(data);
  }
  return log;
}

function acknowledged(wish: Wish, seq: number | null): CommandRecord {
  return { unit, wish, seq, sentAt: 0, endedAt: 0 };
}

test('what was acknowledged has to be true at the sequence of its answer, and no sequence may be missing', async () => {
  const log = await logOf(
    [submitted(submission(unit)), { type: 'UnitLaunchRequested', unit }],
    [{ type: 'UnitDestroyed', unit }],
  );
  const kept = [acknowledged('launched', 1), acknowledged('gone', 2), acknowledged('stopped', null)];
  const lost = [acknowledged('stopped', 1), acknowledged('launched', 2), acknowledged('launched', 3)];
  const facts = await checkLog(log, [...kept, ...lost]);
  assert.deepEqual(new Set(facts.lost), new Set(lost));
  assert.equal(facts.commits, 2);
});

test('the log tells when machines were lost, and why', async () => {
  const log = await logOf([joined('m1')], [{ type: 'MachineLost', machine: 'm1', reason: 'silent' }]);
  assert.deepEqual((await checkLog(log, [])).machinesLost, [{ machine: 'm1', at: 1_000, reason: 'silent' }]);
});
