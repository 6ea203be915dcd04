/** What every log does, whatever it is made of: run on the real one and on its twin. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { subjects } from '../protocol/subjects.ts';
import { type EventLog, type LogRecord, LogRewoundError, WrongSequenceError } from './eventLog.ts';

const here = subjects.clusterLog;
const there = subjects.nodeLog('m1');
const elsewhere = subjects.nodeLog('m2');
const encoder = new TextEncoder();
const decoder = new TextDecoder();

type Open = () => Promise<EventLog>;

/** `open` gives one more handle on the empty log of this test, as another process would have. */
export function eventLogContract(title: string, setUp: (t: TestContext) => Promise<Open>): void {
  const contract = (name: string, run: (log: EventLog, open: Open) => Promise<void>) =>
    test(`${title}: ${name}`, async (t) => {
      const open = await setUp(t);
      await run(await open(), open);
    });
  appending(contract);
  reading(contract);
  tailing(contract);
}

type Contract = (name: string, run: (log: EventLog, open: Open) => Promise<void>) => void;

function appending(contract: Contract): void {
  contract('appends to a subject follow each other by its last sequence', async (log) => {
    assert.equal(await add(log, here, 'a', 0), 1);
    assert.equal(await add(log, there, 'b', 0), 2);
    assert.equal(await add(log, here, 'c', 1), 3);
    assert.deepEqual(await words(log, 3), ['a', 'b', 'c']);
  });

  contract('an append with a stale sequence is refused and stores nothing', async (log) => {
    await add(log, here, 'a', 0);
    await assert.rejects(add(log, here, 'b', 0), WrongSequenceError);
    await assert.rejects(add(log, here, 'b', 7), WrongSequenceError);
    await assert.rejects(add(log, there, 'b', 1), WrongSequenceError);
    assert.deepEqual(await log.bounds(), { first: 1, last: 1 });
  });

  contract('of writers at the same sequence exactly one wins', async (log, open) => {
    await add(log, here, 'first', 0);
    const writers = await Promise.all(Array.from({ length: 5 }, open));
    const results = await Promise.allSettled(writers.map((writer, index) => add(writer, here, `w${index}`, 1)));
    const lost = results.filter((result) => result.status === 'rejected');
    assert.equal(lost.length, 4);
    for (const { reason } of lost) assert(reason instanceof WrongSequenceError);
    const winner = results.findIndex((result) => result.status === 'fulfilled');
    assert.deepEqual(await words(log, 2), ['first', `w${winner}`]);
  });

  contract('a repeated append is not stored again and answers as the first time', async (log) => {
    const seq = await add(log, here, 'a', 0);
    assert.equal(await add(log, here, 'a', 0), seq);
    await add(log, here, 'b', seq);
    assert.equal(await add(log, here, 'a', 0), seq);
    assert.deepEqual(await words(log, 2), ['a', 'b']);
    assert.deepEqual(await log.bounds(), { first: 1, last: 2 });
  });

  contract('what was appended does not change with the buffer that it came in', async (log) => {
    const data = encoder.encode('kept');
    await log.append({ subject: here, id: 'x', data, expectedSeq: 0 });
    data.fill(0);
    assert.equal(decoder.decode((await log.last(here))?.data), 'kept');
  });
}

function reading(contract: Contract): void {
  contract('the last message is that of the subject, with its id', async (log, open) => {
    assert.equal(await log.last(here), null);
    await add(log, here, 'a', 0);
    await add(log, here, 'b', 1);
    await add(log, there, 'c', 0);
    const last = await (await open()).last(here);
    assert(last);
    const { seq, subject, id, data } = last;
    assert.deepEqual(
      { seq, subject, id, text: decoder.decode(data) },
      { seq: 2, subject: here, id: 'id-b', text: 'b' },
    );
    assert.equal(await log.last(elsewhere), null);
  });

  contract('the bounds of an empty log say that there never was a message', async (log) => {
    assert.deepEqual(await log.bounds(), { first: 1, last: 0 });
  });
}

function tailing(contract: Contract): void {
  contract('a tail gives what is there, says so, and goes on with what comes', async (log) => {
    await fill(log, 3);
    const tail = follow(log, { fromSeq: 0 });
    await tail.idle;
    assert.deepEqual(tail.seqs, [1, 2, 3]);
    await add(log, there, 'live', 0);
    await tail.until(4);
    assert.equal(decoder.decode(tail.records[3]?.data), 'live');
    assert.equal(tail.records[3]?.id, 'id-live');
    assert.equal(tail.idles, 1);
    await tail.stop();
  });

  contract('a tail of an empty log is idle at once', async (log) => {
    const tail = follow(log, { fromSeq: 1 });
    await tail.idle;
    await add(log, here, 'first', 0);
    await tail.until(1);
    await tail.stop();
  });

  contract('a tail that begins after the last message is idle at once', async (log) => {
    await fill(log, 2);
    const tail = follow(log, { fromSeq: 3 });
    await tail.idle;
    await add(log, there, 'next', 0);
    await tail.until(1);
    assert.deepEqual(tail.seqs, [3]);
    await tail.stop();
  });

  contract('a tail begins in the middle', async (log) => {
    await fill(log, 5);
    const tail = follow(log, { fromSeq: 3 });
    await tail.idle;
    assert.deepEqual(tail.seqs, [3, 4, 5]);
    await tail.stop();
  });

  contract('a tail gives the subjects that it was asked for', async (log) => {
    await add(log, here, 'a', 0);
    await add(log, there, 'b', 0);
    await add(log, elsewhere, 'c', 0);
    await add(log, here, 'd', 1);
    const exact = follow(log, { fromSeq: 0, subjects: [here, elsewhere] });
    const none = follow(log, { fromSeq: 0, subjects: [subjects.nodeLog('m3')] });
    const wild = follow(log, { fromSeq: 0, subjects: subjects.log.slice(1) });
    await Promise.all([exact.idle, none.idle, wild.idle]);
    assert.deepEqual([exact.seqs, none.seqs, wild.seqs], [[1, 3, 4], [], [2, 3]]);
    await Promise.all([exact.stop(), none.stop(), wild.stop()]);
  });

  contract('a tail ends when its signal aborts, wherever it is', async (log) => {
    await fill(log, 3);
    const waiting = follow(log, { fromSeq: 0 });
    await waiting.idle;
    await waiting.stop();
    const ended = new AbortController();
    ended.abort();
    for await (const record of log.tail({ fromSeq: 0, signal: ended.signal })) assert.fail(`got ${record.seq}`);
    const midway = new AbortController();
    const seen: number[] = [];
    for await (const { seq } of log.tail({ fromSeq: 0, signal: midway.signal }))
      if (seen.push(seq) === 2) midway.abort();
    assert.deepEqual(seen, [1, 2]);
  });

  contract('a slow reader gets everything, too', async (log) => {
    await fill(log, 20);
    const seen: number[] = [];
    const stop = new AbortController();
    for await (const { seq } of log.tail({ fromSeq: 0, signal: stop.signal })) {
      seen.push(seq);
      if (seq === 10) await fill(log, 20, 20);
      if (seq === 40) stop.abort();
    }
    assert.deepEqual(seen, range(1, 40));
  });

  contract('a tail from beyond the end says that the log was rewound', async (log) => {
    await fill(log, 2);
    const beyond = log.tail({ fromSeq: 9, signal: new AbortController().signal });
    await assert.rejects(async () => {
      for await (const { seq } of beyond) assert.fail(`got ${seq}`);
    }, LogRewoundError);
  });
}

function add(log: EventLog, subject: string, word: string, expectedSeq: number): Promise<number> {
  const message = { subject, id: `id-${word}`, data: encoder.encode(word), expectedSeq };
  return log.append(message).then(({ seq }) => seq);
}

/** Appends `count` messages to one subject that ends at `from`, as the only writer of the log. */
async function fill(log: EventLog, count: number, from = 0): Promise<void> {
  for (let seq = from; seq < from + count; seq++) await add(log, here, `word ${seq}`, seq);
}

/** The first `count` messages of the whole log. */
async function words(log: EventLog, count: number): Promise<string[]> {
  const stop = new AbortController();
  const found: string[] = [];
  for await (const { data } of log.tail({ fromSeq: 0, signal: stop.signal })) {
    if (found.push(decoder.decode(data)) === count) stop.abort();
  }
  return found;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

export interface Follower {
  readonly records: LogRecord[];
  readonly seqs: number[];
  readonly idle: Promise<void>;
  readonly idles: number;
  /** Resolves when that many records have come. */
  until(count: number): Promise<void>;
  /** Resolves, or rejects, when the tail has ended. */
  readonly stopped: Promise<void>;
  /** Aborts, and resolves when the tail has ended. */
  stop(): Promise<void>;
}

/** Reads a tail in the background. */
export function follow(log: EventLog, options: { fromSeq: number; subjects?: readonly string[] }): Follower {
  const abort = new AbortController();
  const records: LogRecord[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  const wake = () => {
    for (const { count, resolve } of waiting) if (records.length >= count) resolve();
  };
  let idles = 0;
  let done: Promise<void> = Promise.resolve();
  const idle = new Promise<void>((resolve, reject) => {
    const onIdle = () => {
      idles++;
      resolve();
    };
    done = (async () => {
      for await (const record of log.tail({ ...options, signal: abort.signal, onIdle })) {
        records.push(record);
        wake();
      }
    })();
    done.catch(reject);
  });
  return {
    records,
    get seqs() {
      return records.map(({ seq }) => seq);
    },
    idle,
    get idles() {
      return idles;
    },
    until: (count) =>
      new Promise((resolve) => {
        waiting.push({ count, resolve });
        wake();
      }),
    stopped: done,
    stop: async () => {
      abort.abort();
      await done;
    },
  };
}
