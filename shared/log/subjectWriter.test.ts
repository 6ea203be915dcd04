import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createSimulatedClock } from '../clock/simulatedClock.ts';
import type { ClusterEvent } from '../domain/events.ts';
import { decodeCommit, genesis, hashCommit } from '../protocol/commit.ts';
import { subjects } from '../protocol/subjects.ts';
import { FencedError } from './appendOnce.ts';
import { AppendRefusedError, LogUnavailableError, OutcomeUnknownError } from './eventLog.ts';
import { createMemoryLog, type MemoryLog, type MemoryLogHandle } from './memoryLog.ts';
import { createSubjectWriter, type SubjectWriter } from './subjectWriter.ts';

const subject = subjects.clusterLog;
const startMs = 1_700_000_000_000;
const event = (unit: string): ClusterEvent => ({ type: 'UnitDestroyed', unit });
const draft = (unit: string) => ({ cause: 'test', events: [event(unit)] });

interface World {
  log: MemoryLog;
  handle: MemoryLogHandle;
  writer: SubjectWriter;
  clock: ReturnType<typeof createSimulatedClock>;
  stop: AbortController;
}

function world(log = createMemoryLog(), by = 'scheduler/s1'): World {
  const clock = createSimulatedClock(startMs);
  const handle = log.open();
  const stop = new AbortController();
  let last = 0;
  const ids = () => `${by}-${++last}`;
  const writer = createSubjectWriter({ log: handle, subject, by, ids, clock, signal: stop.signal });
  return { log, handle, writer, clock, stop };
}

/** What is on the log: the units of its commits, in order. */
async function units(log: MemoryLog): Promise<string[]> {
  const handle = log.open();
  const { last } = await handle.bounds();
  const found: string[] = [];
  if (last === 0) return found;
  for await (const { seq, data } of handle.tail({ fromSeq: 0, signal: new AbortController().signal })) {
    for (const each of decodeCommit(data).events) if ('unit' in each) found.push(each.unit);
    if (seq === last) break;
  }
  return found;
}

test('commits carry who, when and why, and the hash of the one before', async () => {
  const { writer, handle } = world();
  const first = await writer.append(draft('a.service'));
  const bytes = (await handle.last(subject))?.data ?? new Uint8Array();
  const second = await writer.append({ ...draft('b.service'), at: 5 });
  const { id, at, by, cause, prev } = first.commit;
  assert.deepEqual(
    [first.seq, id, at, by, cause, prev],
    [1, 'scheduler/s1-1', startMs, 'scheduler/s1', 'test', genesis],
  );
  assert.deepEqual([second.seq, second.commit.at, second.commit.prev], [2, 5, hashCommit(bytes)]);
  assert.deepEqual(decodeCommit(bytes), first.commit);
});

test('a commit whose answer was lost is on the log once', async () => {
  for (const fate of ['stored', 'lost'] as const) {
    const { writer, handle, clock, log } = world();
    handle.loseNextAnswer(fate);
    const appended = writer.append(draft('a.service'));
    await clock.advance(100);
    assert.equal((await appended).seq, 1);
    await writer.append(draft('b.service'));
    assert.deepEqual(await units(log), ['a.service', 'b.service']);
  }
});

test('while the log is away a commit waits for it', async () => {
  const { writer, clock, log } = world();
  log.setAvailable(false);
  const appended = writer.append(draft('a.service'));
  await clock.advance(60_000);
  log.setAvailable(true);
  await clock.advance(1_000);
  assert.equal((await appended).seq, 1);
});

test('an aborted writer stops waiting and says that the outcome is unknown', async () => {
  const { writer, clock, log, stop } = world();
  log.setAvailable(false);
  const appended = assert.rejects(writer.append(draft('a.service')), OutcomeUnknownError);
  await clock.advance(1_000);
  stop.abort();
  await appended;
});

test('a writer that somebody else overtook is fenced until it has read on', async () => {
  const { writer, handle, log } = world();
  const usurper = world(log, 'scheduler/s2').writer;
  await usurper.append(draft('theirs.service'));
  await assert.rejects(writer.append(draft('a.service')), FencedError);
  await assert.rejects(writer.append(draft('a.service')), FencedError);
  const last = await handle.last(subject);
  assert(last);
  writer.observe(last);
  await writer.append(draft('b.service'));
  assert.deepEqual(await units(log), ['theirs.service', 'b.service']);
});

test('a commit that was stored without an answer counts, even when somebody else wrote after it', async () => {
  const { writer, handle, clock, log } = world();
  handle.loseNextAnswer('stored');
  const appended = writer.append(draft('a.service'));
  const usurper = world(log, 'scheduler/s2').writer;
  const stored = await log.open().last(subject);
  assert(stored);
  usurper.observe(stored);
  await usurper.append(draft('theirs.service'));
  await clock.advance(100);
  assert.equal((await appended).seq, 1);
  await assert.rejects(writer.append(draft('b.service')), FencedError);
});

test('a refused commit is not on the log, and the writer goes on where it was', async () => {
  const { writer, log } = world();
  log.setFull('no space left');
  await assert.rejects(writer.append(draft('a.service')), AppendRefusedError);
  log.setFull(null);
  assert.equal((await writer.append(draft('b.service'))).seq, 1);
});

test('a commit that was stored without an answer counts, even when the log is full afterwards', async () => {
  const { writer, handle, clock, log } = world();
  handle.loseNextAnswer('stored');
  const appended = writer.append(draft('a.service'));
  log.setFull('no space left');
  await clock.advance(100);
  assert.equal((await appended).seq, 1);
});

test('a full log that is asked in vain what became of a commit is asked again, for as long as it is away', async () => {
  const { writer, handle, clock, log } = world();
  handle.loseNextAnswer('stored');
  const appended = writer.append(draft('a.service'));
  log.setFull('no space left');
  let asked = 0;
  handle.last = async (wanted) => {
    if (++asked < 4) throw new LogUnavailableError('away');
    return log.open().last(wanted);
  };
  await clock.advance(2_000);
  assert.equal((await appended).seq, 1);
});

test('two appends at the same time are a bug', async () => {
  const { writer } = world();
  const first = writer.append(draft('a.service'));
  await assert.rejects(writer.append(draft('b.service')), /at the same time/);
  await first;
});

test('records of other subjects and old ones do not move the head', async () => {
  const { writer } = world();
  await writer.append(draft('a.service'));
  const { head } = writer;
  const data = new Uint8Array([1]);
  writer.observe({ seq: 9, subject: subjects.nodeLog('m'), id: 'x', data });
  writer.observe({ seq: 1, subject, id: 'x', data });
  assert.deepEqual(writer.head, head);
});

test('property: whatever becomes of answers, every acknowledged commit is on the log once, in order', async () => {
  const fate = fc.constantFrom('given', 'stored', 'lost', 'away', 'overtaken');
  await fc.assert(
    fc.asyncProperty(fc.array(fate, { maxLength: 25 }), async (fates) => {
      const { writer, handle, clock, log } = world();
      const expected: string[] = [];
      for (const [index, what] of fates.entries()) {
        if (what === 'stored' || what === 'lost') handle.loseNextAnswer(what);
        if (what === 'away') log.setAvailable(false);
        if (what === 'overtaken') {
          const other = world(log, `scheduler/other-${index}`).writer;
          other.reset(writer.head);
          await other.append(draft(`theirs-${index}`));
          expected.push(`theirs-${index}`);
        }
        const settled = writer.append(draft(`mine-${index}`)).then(
          () => expected.push(`mine-${index}`),
          (error) => assert(error instanceof FencedError && what === 'overtaken'),
        );
        await clock.advance(100);
        log.setAvailable(true);
        await clock.advance(2_000);
        await settled;
        const last = await handle.last(subject);
        if (last) writer.observe(last);
      }
      assert.deepEqual(await units(log), expected);
    }),
    { numRuns: 50 },
  );
});
