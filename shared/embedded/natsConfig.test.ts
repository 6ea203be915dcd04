import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type NatsConfig, renderNatsConfig } from './natsConfig.ts';

const config: NatsConfig = {
  serverName: 'flotilla',
  host: '127.0.0.1',
  port: 4222,
  storeDir: '/var/lib/flotilla/nats',
  portsDir: '/run/flotilla',
  user: 'flotilla',
  password: 'a"b',
};

test('an acknowledged message is on the disk: JetStream always syncs', () => {
  assert.match(renderNatsConfig(config), /jetstream \{[^}]*sync_interval: always\n/);
});

test('a message may be as large as a commit', () => {
  assert.match(renderNatsConfig(config), /^max_payload: 8388608$/m);
});

test('a password stays inside its quotes', () => {
  assert.match(renderNatsConfig(config), /password: "a\\"b" \}$/m);
  assert.throws(() => renderNatsConfig({ ...config, password: 'a\nport: 1' }), RangeError);
});

test('servers of a cluster log in to each other with the same credentials', () => {
  const cluster = { name: 'c', host: '127.0.0.1', port: 6222, routes: ['10.0.0.1:6222', '10.0.0.2:6222'] };
  const text = renderNatsConfig({ ...config, password: 'p@ss/word', cluster });
  assert.match(text, /routes: \["nats:\/\/flotilla:p%40ss%2Fword@10\.0\.0\.1:6222", ".*@10\.0\.0\.2:6222"\]/);
});
