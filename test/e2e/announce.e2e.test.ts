import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { startTestCluster } from '../support/cluster.ts';
import { dockerSkip, ensureImage } from '../support/docker.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);
const skip = await dockerSkip();

test('a container is announced with the port that its engine picked, and told where the store is', {
  skip,
}, async (t) => {
  await ensureImage('busybox');
  const cluster = await startTestCluster(t, { nodes: 1, stores: 1, runtime: 'auto' });
  const text = `[Service]
ExecStart=/usr/bin/docker run --name announced-%i -p 80 flotilla/busybox sh -c "echo %i > index.html; exec httpd -f -p 80"
ExecStop=/usr/bin/docker kill announced-%i
[X-Flotilla]
Announce=/web/%i {{ip}}:{{port}}
Announce=/dns/%i {"host":"{{ip}}","port":{{port:80}}}
`;
  const units = [1, 2].map((i) => ({ name: `web@${i}.service`, text }));
  const started = await cluster.client.command({ type: 'StartUnits', units });
  assert.ok(started.ok, JSON.stringify(started));
  const said = async (key: string) => (await cluster.cli('kv', 'get', key, '--print-value-only')).stdout.trim();

  const ports = new Set<number>();
  for (const i of ['1', '2']) {
    const address = await until(`web@${i} is announced`, async () => (await said(`/web/${i}`)) || null, 30_000);
    assert.equal((await (await fetch(`http://${address}/`)).text()).trim(), i);
    const { host, port } = JSON.parse(await said(`/dns/${i}`));
    assert.equal(`${host}:${port}`, address);
    ports.add(port);
  }
  assert.equal(ports.size, 2);

  const [{ port } = { port: 0 }] = cluster.cluster.file.stores;
  const { stdout } = await run('docker', ['exec', 'announced-1', 'sh', '-c', 'echo $FLOTILLA_KV_ENDPOINT']);
  assert.equal(stdout, `127.0.0.1:${port}\n`);

  await run('docker', ['kill', 'announced-1']);
  await until('its end takes the announcement back', async () => (await said('/web/1')) === '');
  assert.notEqual(await said('/web/2'), '');
  await cluster.cli('destroy', 'web@1.service', 'web@2.service');
  assert.equal((await cluster.cli('kv', 'get', '', '--prefix', '--count-only')).stdout, '0\n');
});
