import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestNats } from '../../test/support/nats.ts';
import { until } from '../../test/support/until.ts';
import { connectNats } from './natsConnection.ts';

test('a server that hangs is left, long before missed pings would end its connection', async (t) => {
  const { url: server, user, password, pid } = await startTestNats(t);
  const link = await connectNats({ server, user, password, name: 'test', leavesSilentServer: 'always' });
  t.after(() => link.close());
  const changes: boolean[] = [];
  link.onConnectionChange((connected) => changes.push(connected));
  process.kill(pid, 'SIGSTOP');
  await until('the silent server is left', () => changes.length > 0, 6_000);
  assert.deepEqual(changes, [false]);
  process.kill(pid, 'SIGCONT');
  await until('it is taken again when it answers', () => changes.at(-1) === true);
});
