/** The native API with real stores that die: its clients miss nothing, see nothing twice, and write once. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { nanoid } from 'nanoid';
import { KvClient } from '../../shared/bus/kvClient.ts';
import { receiveStream, StreamBrokenError } from '../../shared/bus/kvStream.ts';
import { watchKeys } from '../../shared/bus/kvWatch.ts';
import { createNatsBus } from '../../shared/bus/natsBus.ts';
import { connectNats } from '../../shared/bus/natsConnection.ts';
import { systemClock } from '../../shared/clock/systemClock.ts';
import { prefixRange } from '../../shared/domain/kvKeys.ts';
import { startKvCluster } from '../support/kvCluster.ts';
import type { TestNats } from '../support/nats.ts';
import { until } from '../support/until.ts';

async function connect(t: TestContext, { url, user, password }: TestNats): Promise<KvClient> {
  const bus = createNatsBus(await connectNats({ server: url, user, password, name: 'test' }));
  t.after(() => bus.close());
  return new KvClient({ bus, clock: systemClock, ids: nanoid, by: 'test', patienceMs: 60_000 });
}

test('watches and writes go on while stores are killed, one after the other', async (t) => {
  const { nats, stores } = await startKvCluster(t, { stores: 3 });
  const writer = await connect(t, nats);
  const stop = new AbortController();
  t.after(() => stop.abort());
  const seen: string[][] = [[], [], []];
  const resumed: string[] = [];
  for (const values of seen) {
    const { parts } = await connect(t, nats);
    const options = { signal: stop.signal, onResume: (reason: string) => resumed.push(reason) };
    void (async () => {
      for await (const item of watchKeys(parts, { ...prefixRange('n/'), startRevision: 1 }, options)) {
        if ('error' in item) values.push(item.error.code);
        else values.push(...item.events.map(({ kv }) => `${kv.modRevision} ${kv.value}`));
      }
    })();
  }

  let killing = true;
  const kills = (async () => {
    for (const store of stores) {
      await until('it was written for a while', () => seen.every((values) => values.length >= 20), 60_000);
      await store.kill();
      const before = Math.max(...seen.map((values) => values.length));
      await until(
        'all see what is written without it',
        () => seen.every((values) => values.length > before + 50),
        60_000,
      );
      await store.start();
    }
    killing = false;
  })();
  const written: string[] = [];
  for (let i = 0; killing; i++) {
    const answer = await writer.put('n/counter', String(i));
    assert.ok(answer.ok, JSON.stringify(answer));
    written.push(`${answer.revision} ${i}`);
  }
  await kills;
  await until('all have seen everything', () => seen.every((values) => values.length >= written.length), 30_000);
  for (const values of seen) assert.deepEqual(values, written);
  t.diagnostic(
    `${written.length} writes, seen by 3 watches that went on ${resumed.length} times: ${[...new Set(resumed)]}`,
  );
  assert.ok(resumed.length > 0);
});

test('a whole store is sent, larger than any message, and the same by every replica', async (t) => {
  const { nats, stores } = await startKvCluster(t, { stores: 2 });
  const client = await connect(t, nats);
  const value = '\xff\0'.repeat(2_500);
  for (let batch = 0; batch < 20; batch++) {
    const commands = Array.from({ length: 100 }, (_, i) => ({ type: 'Put' as const, key: `k/${batch}/${i}`, value }));
    const results = await client.batch(commands);
    assert.ok(Array.isArray(results) && results.every(({ ok }) => ok));
  }
  const hashes = new Set<string>();
  const snapshot = async () => {
    const hash = createHash('sha256');
    let size = 0;
    for await (const item of receiveStream(client.parts, { type: 'snapshot' }, new AbortController().signal)) {
      if (!('chunk' in item)) continue;
      const chunk = Buffer.from(item.chunk, 'base64');
      hash.update(chunk);
      size += chunk.length;
    }
    assert.ok(size > 10_000_000, String(size));
    hashes.add(hash.digest('hex'));
  };
  // Each of them has sent it: the one that was asked first, and the one that is left.
  await snapshot();
  for (const store of stores) {
    await store.kill();
    await until('the other one sends it', () => snapshot().then(() => true, passOver), 60_000);
    await store.start();
  }
  assert.equal(hashes.size, 1);

  // Longer than a message takes: it comes in parts, and is put together.
  const range = await client.range(prefixRange('k/'));
  assert.ok(range.ok && range.response.kvs.length === 2_000 && range.response.kvs.every((kv) => kv.value === value));

  // What a command answers cannot come in parts: it is done, and that is said.
  const deleted = await client.delete({ ...prefixRange('k/'), prevKv: true });
  assert.match(deleted.ok ? '' : (deleted.error.message ?? ''), /^it is done, but the answer has \d+ bytes/);
  const left = await client.range({ ...prefixRange('k/'), countOnly: true });
  assert.equal(left.ok && left.response.count, 0);
});

function passOver(error: unknown): false {
  if (error instanceof StreamBrokenError) return false;
  throw error;
}
