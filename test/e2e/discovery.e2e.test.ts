/** A proxy from Debian follows process units as they move: examples/discovery, with HAProxy. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { killMachineOf } from '../../scripts/support/killMachine.ts';
import { choosePort } from '../../shared/embedded/choosePort.ts';
import { startTestCluster, type TestCluster } from '../support/cluster.ts';
import type { CleanUp } from '../support/nats.ts';
import { until } from '../support/until.ts';

const program = fileURLToPath(new URL('../../dist/flotilla.js', import.meta.url));
const example = (file: string) => fileURLToPath(new URL(`../../examples/discovery/${file}`, import.meta.url));
const skip = haproxyIsThere() || process.env.FLOTILLA_REQUIRE_DOCKER === '1' ? false : 'haproxy is not installed';

function haproxyIsThere(): boolean {
  try {
    execFileSync('haproxy', ['-v'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Listens on the port that is its instance, on every address, and says which it is and where it runs. */
const web = `[Service]
ExecStart=${process.execPath} -e "require('node:http').createServer((_, answer) => answer.end(process.argv[1] + ' on ' + process.argv[2])).listen(Number(process.argv[1]))" %i %m
[X-Flotilla]
Announce=/services/web/%i {{ip}}:%i
`;

interface Machine {
  id: string;
  dir: string;
  ip: string;
  pid: number;
}

test('HAProxy’s servers follow the units that announce them, when a machine dies and when they stop', {
  skip,
}, async (t) => {
  const cleanUp = lastFirst(t);
  const cluster = await startTestCluster(cleanUp, { nodes: 0, stores: 1 });
  const machines = await Promise.all([11, 12, 13].map((n) => startMachine(cleanUp, cluster, n)));
  const ports = await Promise.all([1, 2, 3, 4].map(() => choosePort('127.0.0.1')));
  const names = ports.map((port) => `web@${port}.service`);
  const started = await cluster.client.command({
    type: 'StartUnits',
    units: names.map((name) => ({ name, text: web })),
  });
  assert.ok(started.ok, JSON.stringify(started));
  await cluster.unitsUntil(
    'all run',
    (rows) => rows.length === 4 && rows.every(({ sub }) => sub === 'running'),
    20_000,
  );

  const address = await startProxy(cleanUp, cluster);
  const served = () => answers(address, 12);
  const before = await until('every unit answers through the proxy', async () => covers(await served(), ports), 20_000);
  const rows = await cluster.units();
  for (const [port, machine] of before) {
    assert.equal(machine, rows.find(({ unit }) => unit === `web@${port}.service`)?.machine);
  }

  const dead = machines.find(({ id }) => id === rows[0]?.machine);
  assert.ok(dead);
  const diedAt = performance.now();
  await killMachineOf(dead, { docker: false });
  const after = await until(
    'every unit answers through the proxy again',
    async () => covers(await served(), ports),
    20_000,
  );
  t.diagnostic(`machine died → all units answer through HAProxy: ${Math.round(performance.now() - diedAt)} ms`);
  assert.ok([...after.values()].every((machine) => machine !== dead.id));
  const { stdout: keys } = await cluster.cli('kv', 'get', '/services/web/', '--prefix', '--print-value-only');
  assert.ok(!keys.includes(`${dead.ip}:`), keys);

  const [stopped = '', ...left] = names;
  await cluster.cli('stop', stopped);
  const gone = await cluster.cli('kv', 'get', `/services/web/${ports[0]}`);
  assert.deepEqual([gone.code, gone.stdout], [0, '']);
  await until('the proxy has the others only', async () => {
    const found = await served();
    return found.size === left.length && !found.has(String(ports[0])) && covers(found, ports.slice(1));
  });
});

/** What was started last ends first: nodes take their leave of the stores. */
function lastFirst(t: TestContext): CleanUp {
  const steps: (() => Promise<void>)[] = [];
  t.after(async () => {
    for (const step of steps.reverse()) await step();
  });
  return { after: (step) => void steps.push(step) };
}

/** A node with an address of its own, so that a unit that has moved is reached elsewhere. */
async function startMachine(t: CleanUp, { dir, cluster, client }: TestCluster, n: number): Promise<Machine> {
  const { server, user = '', password = '' } = cluster.file;
  const own = join(dir, 'machines', String(n));
  const [id, ip] = [String(n).repeat(16), `127.0.0.${n}`];
  const options = ['--dir', own, '--machine-id', id, '--ip', ip, '--runtime', 'process', '--server', server];
  const env = { ...process.env, FLOTILLA_USER: user, FLOTILLA_PASSWORD: password };
  const child = spawn(process.execPath, [program, 'node', ...options], { env, stdio: 'ignore' });
  t.after(async () => {
    const exited = once(child, 'exit');
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGTERM')) await exited;
  });
  await until(`machine ${n} is ready`, async () => {
    const { machines } = (await client.query({ type: 'ListMachines' })).data;
    return machines.some((machine) => machine.id === id && machine.state === 'ready');
  });
  return { id, ip, dir: own, pid: child.pid ?? 0 };
}

/** Resolves with where it listens. */
async function startProxy(t: CleanUp, { dir }: TestCluster): Promise<string> {
  const listen = `127.0.0.1:${await choosePort('127.0.0.1')}`;
  const env = { ...process.env, LISTEN: listen, FLOTILLA_DIR: dir, FLOTILLA: `${process.execPath} ${program}` };
  const arguments_ = ['/services/web/', example('haproxy.cfg.template')];
  const child = spawn(example('follow-haproxy.sh'), arguments_, { env, stdio: 'ignore' });
  t.after(async () => {
    const exited = once(child, 'exit');
    if (child.exitCode === null && child.kill('SIGTERM')) await exited;
  });
  return listen;
}

/** Who answers `count` requests: the machine by the unit's port. Requests that fail are none. */
async function answers(address: string, count: number): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (let i = 0; i < count; i++) {
    const [port, machine] = (await ask(address)).split(' on ');
    if (port && machine) found.set(port, machine);
  }
  return found;
}

function ask(address: string): Promise<string> {
  return new Promise((resolve) => {
    const request = get(`http://${address}/`, { agent: false, timeout: 2_000 }, async (answer) => {
      const parts = await answer.toArray().catch(() => []);
      resolve(answer.statusCode === 200 ? Buffer.concat(parts).toString() : '');
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(''));
  });
}

function covers(found: Map<string, string>, ports: readonly number[]): Map<string, string> | null {
  return ports.every((port) => found.has(String(port))) ? found : null;
}
