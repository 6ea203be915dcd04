import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { Objm } from '@nats-io/obj';
import { startTestNats } from '../../test/support/nats.ts';
import { connectNats, type NatsLink } from '../bus/natsConnection.ts';
import { streams } from '../protocol/subjects.ts';
import { createJetStreamSnapshots } from './jetStreamSnapshots.ts';
import { snapshotStoreContract } from './snapshots.contract.ts';

const stream = `OBJ_${streams.snapshots}`;

async function connect(t: { after(fn: () => Promise<void>): void }): Promise<NatsLink> {
  const nats = await startTestNats(t);
  const link = await connectNats({ server: nats.url, user: nats.user, password: nats.password, name: 'test' });
  t.after(link.close);
  return link;
}

/** Removes the parts of a snapshot; what describes it stays. Returns the subject that they were on. */
async function removeParts(link: NatsLink, name: string): Promise<string> {
  const bucket = await new Objm(link.nc).open(streams.snapshots);
  const subject = `$O.${streams.snapshots}.C.${(await bucket.info(name))?.nuid}`;
  await (await jetstreamManager(link.nc)).streams.purge(stream, { filter: subject });
  return subject;
}

snapshotStoreContract('jetstream', async (t) => {
  const link = await connect(t);
  return {
    open: (onPassedOver) => createJetStreamSnapshots(link, { onPassedOver }),
    damage: async (name) => {
      const subject = await removeParts(link, name);
      await jetstream(link.nc).publish(subject, new Uint8Array(1_000));
    },
  };
});

test('a snapshot whose parts are gone counts as none, within its time', async (t) => {
  const link = await connect(t);
  const reasons: string[] = [];
  const onPassedOver = (_: string, reason: string) => reasons.push(reason);
  const store = createJetStreamSnapshots(link, { onPassedOver, timeoutMs: 200 });
  await store.save('scheduler', { seq: '1' }, [new Uint8Array(10)]);
  await removeParts(link, 'scheduler');
  assert.equal(await store.latest('scheduler'), null);
  assert.match(reasons[0] ?? '', /parts of it may be missing/);
});

test('a store that cannot be reached has no snapshot, and says why', async (t) => {
  const link = await connect(t);
  const reasons: string[] = [];
  const store = createJetStreamSnapshots(link, { onPassedOver: (_, reason) => reasons.push(reason) });
  await link.close();
  assert.equal(await store.latest('scheduler'), null);
  assert.equal(reasons.length, 1);
});
