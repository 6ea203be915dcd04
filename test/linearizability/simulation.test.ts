import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EventLog, type LogRecord, WrongSequenceError } from '../../shared/log/eventLog.ts';
import { decodeCommit, encodeCommit, hashCommit } from '../../shared/protocol/commit.ts';
import { simulate } from './simulation.ts';

const roundMs = 15_000;
/** Few, so that a store that can write no more is asked to read now and then. */
const few = { keySpaces: 1, clientsEach: 3 };

test('simulated stores that crash and are cut off answer linearizably', async (t) => {
  const [histories, operations, faults] = [0, 0, 0];
  const sum = { histories, operations, faults, lost: 0 };
  for (let seed = 1; seed <= 3; seed++) {
    const report = await simulate(t, { seed, roundMs });
    assert.deepEqual(report.violations, [], `seed ${seed}`);
    sum.histories += report.histories;
    sum.operations += report.operations;
    sum.lost += report.lost;
    sum.faults += report.faults;
  }
  t.diagnostic(`${JSON.stringify(sum)}, no violations`);
});

test('a leader that does not prove its leadership before a read is found', async (t) => {
  const violations = await violationsOfSeeds((seed) =>
    simulate(t, { ...few, seed, roundMs, breakFence: provesNothing }),
  );
  assert.match(violations.join('\n'), /not linearizable/);
});

test('a leader that writes whatever stands on the log by now is found', async (t) => {
  const violations = await violationsOfSeeds((seed) =>
    simulate(t, { ...few, seed, roundMs, breakLog: appendsBlindly }),
  );
  assert.ok(violations.length > 0);
});

/** Of the first seed that shows any. */
async function violationsOfSeeds(run: (seed: number) => Promise<{ violations: string[] }>): Promise<string[]> {
  for (let seed = 1; seed <= 30; seed++) {
    const { violations } = await run(seed);
    if (violations.length > 0) return violations;
  }
  return [];
}

/** Answers a proof of leadership at once, without asking anybody; an election still needs its append. */
function provesNothing(fence: EventLog): EventLog {
  return {
    ...fence,
    append: async (message) => {
      const isProof = 'epoch' in JSON.parse(new TextDecoder().decode(message.data));
      return isProof ? { seq: message.expectedSeq } : fence.append(message);
    },
  };
}

/**
 * Without the fence of compare-and-append: what a deposed leader has not seen does not keep it from writing. The chain
 * of hashes is mended, or else every store would refuse the log from there on.
 */
function appendsBlindly(log: EventLog): EventLog {
  return {
    ...log,
    append: async (message) => {
      for (;;) {
        const last = await log.last(message.subject);
        const expectedSeq = last?.seq ?? 0;
        const data = last ? chainedTo(last, message.data) : message.data;
        try {
          return await log.append({ ...message, data, expectedSeq });
        } catch (error) {
          if (!(error instanceof WrongSequenceError)) throw error;
        }
      }
    },
  };
}

function chainedTo(last: LogRecord, data: Uint8Array): Uint8Array {
  const [commit, prev] = [decodeCommit(data), hashCommit(last.data)];
  return commit.prev === prev ? data : encodeCommit({ ...commit, prev });
}
