import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { streams } from '../../shared/protocol/subjects.ts';
import { startTestCluster } from '../support/cluster.ts';

const text = '[Service]\nExecStart=/bin/sleep 100000\n';

test('a log without room refuses commands and says why, stops no unit, and takes commands again when there is room', async (t) => {
  const { client, cluster, unitsUntil, units } = await startTestCluster(t, { nodes: 1 });
  await client.command({ type: 'StartUnits', units: [{ name: 'a.service', text }] });
  const [before] = await unitsUntil('it runs', ([row]) => row?.sub === 'running');
  const setLimit = await streamLimit(cluster.file);

  await setLimit(1);
  const refused = await client.command({ type: 'StartUnits', units: [{ name: 'b.service', text }] });
  assert.ok(!refused.ok);
  assert.equal(refused.code, 'log-refused');
  assert.match(refused.message, /nothing was changed/);
  assert.deepEqual(
    (await units()).map(({ unit, pid }) => [unit, pid]),
    [['a.service', before?.pid]],
  );

  await setLimit(-1);
  const taken = await client.command({ type: 'StartUnits', units: [{ name: 'b.service', text }] });
  assert.ok(taken.ok);
  await unitsUntil('both run', (rows) => rows.length === 2 && rows.every(({ sub }) => sub === 'running'));
});

/** Sets how many bytes the log may have; -1: as many as there are. */
async function streamLimit({ server, user, password }: { server: string; user?: string; password?: string }) {
  return async (bytes: number): Promise<void> => {
    const connection = await connect({ servers: server, ...(user && password ? { user, pass: password } : {}) });
    const jsm = await jetstreamManager(connection);
    await jsm.streams.update(streams.log, { max_bytes: bytes });
    await connection.close();
  };
}
