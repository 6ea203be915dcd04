import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestNats } from '../../test/support/nats.ts';
import { connectNats } from '../bus/natsConnection.ts';
import { streams, subjects } from '../protocol/subjects.ts';
import { createJetStreamLog } from './jetStreamLog.ts';
import { createJetStreamRetention } from './jetStreamRetention.ts';
import { ensureStreams } from './jetStreamStreams.ts';

test('what is forgotten is gone, what follows stays, and appends go on', async (t) => {
  const nats = await startTestNats(t);
  const link = await connectNats({ server: nats.url, user: nats.user, password: nats.password, name: 'test' });
  t.after(link.close);
  await ensureStreams(link);
  const log = await createJetStreamLog(link, { stream: streams.kv });
  const append = (seq: number) => {
    const message = { subject: subjects.kvLog, id: `m${seq}`, data: new Uint8Array([seq]), expectedSeq: seq - 1 };
    return log.append(message);
  };
  for (const seq of [1, 2, 3, 4]) await append(seq);
  await createJetStreamRetention(link, { stream: streams.kv }).forgetBefore(4);
  assert.deepEqual(await log.bounds(), { first: 4, last: 4 });
  assert.deepEqual(await append(5), { seq: 5 });
  const done = new AbortController();
  const found: number[] = [];
  const onIdle = () => done.abort();
  for await (const { seq } of log.tail({ fromSeq: 1, signal: done.signal, onIdle })) found.push(seq);
  assert.deepEqual(found, [4, 5]);
});
