import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jetstreamManager, StorageType } from '@nats-io/jetstream';
import { startTestNats, type TestNats } from '../../test/support/nats.ts';
import { connectNats, type NatsLink } from '../bus/natsConnection.ts';
import { systemClock } from '../clock/systemClock.ts';
import { streams, subjects } from '../protocol/subjects.ts';
import { appendOnce } from './appendOnce.ts';
import { eventLogContract, follow } from './eventLog.contract.ts';
import { AppendRefusedError, type EventLog, LogRewoundError, OutcomeUnknownError } from './eventLog.ts';
import { createJetStreamLog } from './jetStreamLog.ts';
import { ensureStreams, keepStreams } from './jetStreamStreams.ts';

type Scope = { after(fn: () => Promise<void>): void };

async function connect(t: Scope, nats: TestNats): Promise<NatsLink> {
  const link = await connectNats({ server: nats.url, user: nats.user, password: nats.password, name: 'test' });
  t.after(link.close);
  return link;
}

async function openLog(t: Scope, nats: TestNats): Promise<EventLog> {
  const link = await connect(t, nats);
  await ensureStreams(link);
  return createJetStreamLog(link, { stream: streams.log });
}

eventLogContract('jetstream', async (t) => {
  const nats = await startTestNats(t);
  return () => openLog(t, nats);
});

const message = (id: string, expectedSeq: number, data = new Uint8Array([1])) => ({
  subject: subjects.clusterLog,
  id,
  data,
  expectedSeq,
});

test('a tail has no gap and no repetition over crashes and restarts of the server', async (t) => {
  const nats = await startTestNats(t);
  const log = await openLog(t, nats);
  const tail = follow(await openLog(t, nats), { fromSeq: 0 });
  const patience = { log, clock: systemClock, signal: new AbortController().signal };
  let seq = 0;
  const write = async (count: number) => {
    for (const end = seq + count; seq < end; ) seq = await appendOnce(patience, message(`m${seq}`, seq));
  };
  await write(50);
  await tail.until(50);
  for (const outage of [() => nats.kill().then(nats.start), nats.restart]) {
    await Promise.all([outage(), write(100)]);
    await tail.until(seq);
  }
  assert.deepEqual(
    tail.seqs,
    Array.from({ length: seq }, (_, index) => index + 1),
  );
  assert.equal(tail.idles, 1);
  await tail.stop();
});

test('an append that loses its server has an unknown outcome at once, as has one without a server', async (t) => {
  const nats = await startTestNats(t);
  const link = await connect(t, nats);
  await ensureStreams(link);
  const log = await createJetStreamLog(link, { stream: streams.log, timeoutMs: 60_000 });
  // A server that stands still takes the message and does not answer.
  process.kill(nats.pid, 'SIGSTOP');
  const unanswered = assert.rejects(log.append(message('a', 0)), OutcomeUnknownError);
  const startedAt = performance.now();
  await nats.kill();
  await unanswered;
  await assert.rejects(log.append(message('b', 0)), OutcomeUnknownError);
  assert(performance.now() - startedAt < 10_000);
});

test('an append has an unknown outcome at once while there is no stream that takes it, and succeeds when there is', async (t) => {
  const nats = await startTestNats(t);
  const link = await connect(t, nats);
  const log = await createJetStreamLog(link, { stream: streams.log, timeoutMs: 60_000 });
  const startedAt = performance.now();
  await assert.rejects(log.append(message('a', 0)), OutcomeUnknownError);
  assert(performance.now() - startedAt < 10_000);
  await ensureStreams(link);
  assert.deepEqual(await log.append(message('a', 0)), { seq: 1 });
});

test('appends that are under way at a time get each its own answer', async (t) => {
  const log = await openLog(t, await startTestNats(t));
  const on = (machine: string) => ({ ...message(machine, 0), subject: subjects.nodeLog(machine) });
  const machines = Array.from({ length: 20 }, (_, index) => `m${index}`);
  const answers = await Promise.all(machines.map((machine) => log.append(on(machine))));
  assert.deepEqual(
    answers.map(({ seq }) => seq),
    machines.map((_, index) => index + 1),
  );
});

test('a message that is too large, and one that the full stream has no room for, are refused for good', async (t) => {
  const nats = await startTestNats(t);
  const link = await connect(t, nats);
  await ensureStreams(link);
  const log = await createJetStreamLog(link, { stream: streams.log });
  const tooLarge = new Uint8Array((link.nc.info?.max_payload ?? 0) + 1);
  await assert.rejects(log.append(message('a', 0, tooLarge)), AppendRefusedError);
  const jsm = await jetstreamManager(link.nc);
  await jsm.streams.update(streams.log, { max_bytes: 1_000 });
  await assert.rejects(log.append(message('b', 0, new Uint8Array(2_000))), (error) => {
    assert(error instanceof AppendRefusedError);
    assert.match(error.message, /maximum bytes exceeded/);
    return true;
  });
  assert.deepEqual(await log.append(message('c', 0)), { seq: 1 });
});

test('a message of almost the largest size comes back whole, alone and in a tail', async (t) => {
  const nats = await startTestNats(t);
  const link = await connect(t, nats);
  await ensureStreams(link);
  const log = await createJetStreamLog(link, { stream: streams.log });
  const data = new Uint8Array((link.nc.info?.max_payload ?? 0) - 1_000).fill(7);
  for (let seq = 0; seq < 4; seq++) await log.append(message(`m${seq}`, seq, data));
  assert.deepEqual((await log.last(subjects.clusterLog))?.data, data);
  const tail = follow(log, { fromSeq: 0 });
  await tail.until(4);
  for (const record of tail.records) assert.equal(record.data.length, data.length);
  await tail.stop();
});

test('a tail is told when the storage of its log was lost', async (t) => {
  const nats = await startTestNats(t);
  const link = await connect(t, nats);
  await ensureStreams(link);
  const log = await createJetStreamLog(link, { stream: streams.log });
  for (let seq = 0; seq < 3; seq++) await log.append(message(`m${seq}`, seq));
  const tail = follow(log, { fromSeq: 0 });
  await tail.until(3);
  const jsm = await jetstreamManager(link.nc);
  await jsm.streams.delete(streams.log);
  await ensureStreams(link);
  await assert.rejects(tail.stopped, LogRewoundError);
});

test('streams are made once, whoever asks for them at the same time', async (t) => {
  const nats = await startTestNats(t);
  const links = await Promise.all(Array.from({ length: 5 }, () => connect(t, nats)));
  await Promise.all(links.map((link) => ensureStreams(link)));
  const [link] = links;
  assert(link);
  const jsm = await jetstreamManager(link.nc);
  const { config } = await jsm.streams.info(streams.log);
  assert.deepEqual([config.deny_delete, config.discard, config.storage], [true, 'new', StorageType.File]);
  assert.equal((await jsm.streams.info(streams.fence)).config.max_msgs_per_subject, 1);
  assert.equal((await jsm.streams.info(streams.assign)).config.storage, StorageType.Memory);
});

test('a stream that is there is brought up to date and keeps its messages', async (t) => {
  const nats = await startTestNats(t);
  const link = await connect(t, nats);
  const jsm = await jetstreamManager(link.nc);
  await jsm.streams.add({ name: streams.log, subjects: [subjects.clusterLog], discard: 'new', deny_delete: true });
  const log = await createJetStreamLog(link, { stream: streams.log });
  await log.append(message('a', 0));
  await ensureStreams(link);
  await log.append({ ...message('b', 0), subject: subjects.nodeLog('m1') });
  assert.deepEqual(await log.bounds(), { first: 1, last: 2 });
});

test('streams that a restarted server has forgotten are made again', async (t) => {
  const nats = await startTestNats(t);
  const link = await connect(t, nats);
  const stop = await keepStreams(link, { onError: (error) => assert.fail(String(error)) });
  t.after(async () => stop());
  const assignments = await createJetStreamLog(link, { stream: streams.assign });
  const subject = subjects.assignment('m1');
  await assignments.append({ ...message('a', 0), subject });
  await nats.restart();
  const tail = follow(assignments, { fromSeq: 0 });
  await tail.idle;
  assert.equal(await assignments.last(subject), null);
  await assignments.append({ ...message('b', 0), subject });
  await tail.until(1);
  await tail.stop();
});
