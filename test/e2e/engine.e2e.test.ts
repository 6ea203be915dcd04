import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestCluster } from '../support/cluster.ts';
import { dockerSkip, ensureImage, startPrivateEngine } from '../support/docker.ts';

const skip = await dockerSkip();
const text =
  '[Unit]\nRequires=docker.service\n\n[Service]\nExecStart=/usr/bin/docker run --network none flotilla/busybox sleep 100000\n';

test('units whose engine dies with their containers run again when it is back, whatever Restart= says', {
  skip,
}, async (t) => {
  await ensureImage('busybox');
  const engine = await startPrivateEngine('flotilla/busybox');
  const cleanUps: (() => Promise<void>)[] = [];
  // The cluster stops its units before their engine goes.
  t.after(async () => {
    for (const cleanUp of [...cleanUps, engine.dispose]) await cleanUp();
  });
  const nodeArguments = ['--docker-socket', engine.socket];
  const cluster = await startTestCluster(
    { after: (fn) => cleanUps.push(fn) },
    { nodes: 1, runtime: 'auto', nodeArguments },
  );
  const started = await cluster.client.command({ type: 'StartUnits', units: [{ name: 'a.service', text }] });
  assert.ok(started.ok);
  const [before] = await cluster.unitsUntil('it runs', ([row]) => row?.sub === 'running', 30_000);

  await engine.kill();
  const sleeping = { name: 'b.service', text: '[Service]\nExecStart=/bin/sleep 100000\n' };
  assert.ok((await cluster.client.command({ type: 'StartUnits', units: [sleeping] })).ok);
  const [, b] = await cluster.unitsUntil('processes start without an engine', ([, row]) => row?.sub === 'running');
  await engine.start();
  const [after] = await cluster.unitsUntil(
    'it runs in another container',
    ([row]) => row?.sub === 'running' && row.container !== before?.container,
    60_000,
  );
  assert.ok(after?.container);
  assert.equal((await cluster.units())[1]?.pid, b?.pid);
});

test('an image that nobody has is a failed unit that says so', { skip }, async (t) => {
  const cluster = await startTestCluster(t, { nodes: 1, runtime: 'auto' });
  const missing = '[Service]\nExecStart=/usr/bin/docker run --pull never flotilla/no-such-image\n';
  await cluster.client.command({ type: 'StartUnits', units: [{ name: 'a.service', text: missing }] });
  const [row] = await cluster.unitsUntil('it has failed', ([first]) => first?.active === 'failed', 30_000);
  assert.equal(row?.result, 'resources');
  assert.match(row?.reason ?? '', /flotilla\/no-such-image/);
});
