import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connectNats, type NatsLink } from '../../shared/bus/natsConnection.ts';
import { readHistory } from '../../shared/log/history.ts';
import { createJetStreamLog } from '../../shared/log/jetStreamLog.ts';
import { NotFreshError, restoreStream } from '../../shared/log/jetStreamRestore.ts';
import { createJetStreamRetention } from '../../shared/log/jetStreamRetention.ts';
import { createJetStreamSnapshots } from '../../shared/log/jetStreamSnapshots.ts';
import { ensureStreams } from '../../shared/log/jetStreamStreams.ts';
import { encodeCommit, genesis, hashCommit } from '../../shared/protocol/commit.ts';
import { streams, subjects } from '../../shared/protocol/subjects.ts';
import { schemaVersion } from '../../shared/protocol/upcasts.ts';
import { startTestNats } from '../../test/support/nats.ts';
import { restoreBackup } from './restoreBackup.ts';
import { takeBackup } from './takeBackup.ts';

async function connect(t: TestContext): Promise<NatsLink> {
  const { url: server, user, password } = await startTestNats(t);
  const link = await connectNats({ server, user, password, name: 'test' });
  t.after(() => link.close());
  return link;
}

const message = (n: number, prev: string) =>
  encodeCommit({ v: schemaVersion, id: `k${n}`, at: n, by: 'test', cause: '', prev, events: [] });

/** A store's log of six commits that has forgotten the first three, which a snapshot has. */
async function makeHistory(link: NatsLink): Promise<void> {
  await ensureStreams(link);
  const log = await createJetStreamLog(link, { stream: streams.kv });
  let prev = genesis;
  for (let n = 1; n <= 6; n++) {
    const data = message(n, prev);
    await log.append({ subject: subjects.kvLog, id: `k${n}`, data, expectedSeq: n - 1 });
    prev = hashCommit(data);
  }
  const fence = await createJetStreamLog(link, { stream: streams.fence });
  await fence.append({ subject: subjects.fence('kv'), id: 'f', data: new Uint8Array(1), expectedSeq: 0 });
  const snapshots = createJetStreamSnapshots(link, { onPassedOver: assert.fail });
  await snapshots.save('kv', { seq: '4' }, [Buffer.from('as of 4')]);
  await createJetStreamRetention(link, { stream: streams.kv }).forgetBefore(4);
}

async function contentsOf(link: NatsLink) {
  const log = await createJetStreamLog(link, { stream: streams.kv });
  const records: unknown[] = [];
  for await (const { seq, subject, id, data } of readHistory(log, {})) {
    records.push([seq, subject, id, Buffer.from(data).toString()]);
  }
  const snapshot = await createJetStreamSnapshots(link, { onPassedOver: assert.fail }).latest('kv');
  return { records, snapshot: snapshot && [snapshot.meta, Buffer.concat(snapshot.parts).toString()] };
}

test('a shortened log keeps its sequences, ids and snapshot; epochs and sequences go on above all that ever were', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-backup-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const path = join(dir, 'backup');
  const [from, to] = [await connect(t), await connect(t)];
  await makeHistory(from);
  const { records } = await takeBackup({ link: from, path, at: 1, onProgress: () => undefined });
  assert.equal(records, 3);
  let ids = 0;
  const options = { link: to, path, skip: 5, at: 2, ids: () => `skip${++ids}`, onProgress: () => undefined };
  await restoreBackup(options);
  const before = await contentsOf(from);
  assert.equal(before.records.length, 3);
  assert.deepEqual(await contentsOf(to), before);

  const bounds = async (stream: string) => (await createJetStreamLog(to, { stream })).bounds();
  assert.deepEqual(await bounds(streams.log), { first: 1, last: 5 });
  const kv = await createJetStreamLog(to, { stream: streams.kv });
  const next = { subject: subjects.kvLog, id: 'k7', data: message(7, ''), expectedSeq: 6 };
  assert.deepEqual(await kv.append(next), { seq: 7 });
  const fence = await createJetStreamLog(to, { stream: streams.fence });
  const campaign = { subject: subjects.fence('kv'), id: 'f2', data: new Uint8Array(1), expectedSeq: 0 };
  assert.ok((await fence.append(campaign)).seq >= 1_000_000_000);
  await assert.rejects(restoreBackup(options), NotFreshError);
  await ensureStreams(to);
});

test('nobody can write on a stream until it is whole', async (t) => {
  const link = await connect(t);
  const restoring = await restoreStream(link, streams.kv, { first: 4 });
  const log = await createJetStreamLog(link, { stream: streams.kv, timeoutMs: 500 });
  const write = () => log.append({ subject: subjects.kvLog, id: 'own', data: message(1, ''), expectedSeq: 0 });
  await assert.rejects(write, { name: 'OutcomeUnknownError' });
  await restoring.write({ seq: 4, subject: subjects.kvLog, id: 'k4', data: message(4, '') });
  await restoring.open();
  await assert.rejects(write, { name: 'WrongSequenceError' });
  assert.deepEqual(await log.bounds(), { first: 4, last: 4 });
});
