import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { startTestNats } from './nats.ts';

test('a killed test server comes back on its port with what it had acknowledged', async (t) => {
  const nats = await startTestNats(t);
  const login = { servers: nats.url, user: nats.user, pass: nats.password };
  const before = await connect(login);
  await (await jetstreamManager(before)).streams.add({ name: 'S', subjects: ['s.>'] });
  await jetstream(before).publish('s.a', 'kept');
  await before.close();

  await nats.kill();
  await assert.rejects(connect({ ...login, reconnect: false }));
  await nats.start();

  const again = await connect(login);
  const message = await (await jetstreamManager(again)).streams.getMessage('S', { last_by_subj: 's.a' });
  assert.equal(message?.string(), 'kept');
  await again.close();
});

test('it asks for its credentials', async (t) => {
  const nats = await startTestNats(t);
  await assert.rejects(connect({ servers: nats.url, reconnect: false }), /authorization/i);
});
