import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { eventLogContract, follow } from './eventLog.contract.ts';
import {
  AppendRefusedError,
  type EventLog,
  LogUnavailableError,
  OutcomeUnknownError,
  WrongSequenceError,
} from './eventLog.ts';
import { createMemoryLog } from './memoryLog.ts';

eventLogContract('memory', async () => {
  const log = createMemoryLog();
  return async () => log.open();
});

const message = (id: string, expectedSeq: number) => ({ subject: 's', id, data: new Uint8Array([1]), expectedSeq });

test('an append whose answer is lost is stored, or not, as the fault says', async () => {
  const handle = createMemoryLog().open();
  handle.loseNextAnswer('lost');
  await assert.rejects(handle.append(message('a', 0)), OutcomeUnknownError);
  assert.equal(await handle.last('s'), null);
  handle.loseNextAnswer('stored');
  await assert.rejects(handle.append(message('b', 0)), OutcomeUnknownError);
  assert.equal((await handle.last('s'))?.id, 'b');
  assert.deepEqual(await handle.append(message('b', 0)), { seq: 1 });
});

test('a handle that is cut off can neither write nor read, and its tail goes on where it was afterwards', async () => {
  const log = createMemoryLog();
  const [cut, other] = [log.open(), log.open()];
  await other.append(message('a', 0));
  const tail = follow(cut, { fromSeq: 0 });
  await tail.until(1);
  cut.setConnected(false);
  await assert.rejects(cut.append(message('b', 1)), OutcomeUnknownError);
  await assert.rejects(cut.last('s'), LogUnavailableError);
  await assert.rejects(cut.bounds(), LogUnavailableError);
  await other.append(message('c', 1));
  assert.deepEqual(tail.seqs, [1]);
  cut.setConnected(true);
  await tail.until(2);
  assert.deepEqual(tail.seqs, [1, 2]);
  await tail.stop();
});

test('a full log refuses with its reason and takes messages again when there is room', async () => {
  const log = createMemoryLog();
  const handle = log.open();
  log.setFull('insufficient resources');
  await assert.rejects(handle.append(message('a', 0)), (error) => {
    assert(error instanceof AppendRefusedError);
    assert.match(error.message, /insufficient resources/);
    return true;
  });
  log.setFull(null);
  assert.deepEqual(await handle.append(message('a', 0)), { seq: 1 });
});

test('with one message kept per subject, a tail gives the last of each', async () => {
  const handle = createMemoryLog({ keepOnlyLast: true }).open();
  await handle.append(message('a', 0));
  await handle.append({ ...message('b', 0), subject: 't' });
  await handle.append(message('c', 1));
  const tail = follow(handle, { fromSeq: 0 });
  await tail.idle;
  assert.deepEqual(
    tail.records.map(({ id }) => id),
    ['b', 'c'],
  );
  assert.deepEqual(await handle.bounds(), { first: 2, last: 3 });
  await tail.stop();
});

/** A writer that believes what it last saw, and reads again only after a refusal. */
class Writer {
  readonly #log: EventLog;
  readonly #name: string;
  #seq = 0;
  readonly acknowledged: string[] = [];

  constructor(log: EventLog, name: string) {
    this.#log = log;
    this.#name = name;
  }

  async write(index: number): Promise<void> {
    const id = `${this.#name}${index}`;
    try {
      this.#seq = (await this.#log.append(message(id, this.#seq))).seq;
      this.acknowledged.push(id);
    } catch (error) {
      assert(error instanceof WrongSequenceError);
      this.#seq = (await this.#log.last('s'))?.seq ?? 0;
    }
  }
}

test('property: however two writers take turns, the log holds exactly what was acknowledged, in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 60 }), async (turns) => {
      const log = createMemoryLog();
      const [one, two] = [new Writer(log.open(), 'one'), new Writer(log.open(), 'two')];
      for (const [index, isFirst] of turns.entries()) await (isFirst ? one : two).write(index);
      const { last } = await log.open().bounds();
      const tail = follow(log.open(), { fromSeq: 0 });
      await tail.idle;
      await tail.stop();
      const stored = tail.records.map(({ id }) => id);
      assert.equal(last, one.acknowledged.length + two.acknowledged.length);
      assert.deepEqual(
        stored.filter((id) => id.startsWith('one')),
        one.acknowledged,
      );
      assert.deepEqual(
        stored.filter((id) => id.startsWith('two')),
        two.acknowledged,
      );
    }),
  );
});
