/** What fleet's own functional tests assert of a cluster holds here, through fleet's API and the CLI. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startTestCluster, type TestCluster } from '../support/cluster.ts';
import { FleetApi } from '../support/fleetApi.ts';
import { startTcpProxy } from '../support/tcpProxy.ts';
import { until } from '../support/until.ts';

const program = fileURLToPath(new URL('../../dist/flotilla.js', import.meta.url));
const service = '[Service]\nExecStart=/bin/sleep 100000\n';
const fleet = (...lines: string[]) => `${service}\n[X-Fleet]\n${lines.map((line) => `${line}\n`).join('')}`;
const numbered = (count: number, prefix: string) =>
  Array.from({ length: count }, (_, i) => `${prefix}${i + 1}.service`);

test("fleet's scenarios, one after the other, on one cluster of three machines", { timeout: 240_000 }, async (t) => {
  const cluster = await startTestCluster(t, { nodes: 3, api: true });
  const api = new FleetApi(cluster.cluster.file.apis[0]?.port ?? 0);
  await until('the API answers', () =>
    api.machines().then(
      () => true,
      () => false,
    ),
  );
  const ids = cluster.cluster.file.nodes.map(({ id }) => id).sort();
  const scenario = (title: string, run: (t: TestContext) => Promise<void>) =>
    t.test(title, async (sub) => {
      await run(sub);
      await api.destroyAll();
    });
  const launch = async (text: string, ...names: string[]) => {
    for (const name of names) assert.equal(await api.put(name, 'launched', text), 201);
  };
  const metadata = async (op: string, key: string, value?: string) => {
    const operation = { op, path: `/${ids[0]}/metadata/${key}`, ...(value === undefined ? {} : { value }) };
    assert.equal((await api.ask('PATCH', '/machines', [operation] as object)).status, 204);
    return (await api.machines()).find(({ id }) => id === ids[0])?.metadata;
  };

  await scenario('cat gives the submitted body back, byte for byte', async () => {
    const text =
      '[Unit]\nDescription=100 % "quoted" \\x20 ünïcode\n\n[Service]\nExecStart=/bin/sh -c "sleep 1; \\\n   sleep 2"\n';
    await writeFile(join(cluster.dir, 'odd.service'), text);
    assert.equal((await cluster.cli('submit', join(cluster.dir, 'odd.service'))).code, 0);
    assert.equal((await cluster.cli('cat', 'odd.service')).stdout, text);
    await api.put('same.service', 'inactive', text);
    assert.equal((await cluster.cli('cat', 'same.service')).stdout, text);
    const [odd, same] = await api.units();
    assert.deepEqual(odd?.options, same?.options);
  });

  await scenario('submit of 9, load of 6 and start of 3 units repeat without error', async () => {
    const verbs = [
      ['submit', 9, 'inactive'],
      ['load', 6, 'loaded'],
      ['start', 3, 'launched'],
    ] as const;
    await writeFile(join(cluster.dir, 'many@.service'), service);
    for (const [verb, count, state] of verbs) {
      for (const again of [false, true]) {
        const { code, stderr } = await cluster.cli(verb, join(cluster.dir, `many@{1..${count}}.service`));
        assert.deepEqual([code, stderr], [0, ''], `${verb}${again ? ' again' : ''}`);
      }
      const inState = (await api.units()).filter(({ currentState }) => currentState === state);
      assert.equal(inState.length, count);
      for (const { name } of await api.units()) await api.ask('DELETE', `/units/${encodeURIComponent(name)}`);
      await api.statesUntil('nothing is left', (states) => states.length === 0);
    }
  });

  await scenario('lists are sorted, and a bad page token is a 400', async () => {
    for (const name of ['c.service', 'a.service', 'b@2.service', 'b@10.service'])
      await api.put(name, 'launched', service);
    await api.running('a.service', 'b@2.service', 'b@10.service', 'c.service');
    const sorted = ['a.service', 'b@10.service', 'b@2.service', 'c.service'];
    assert.deepEqual(
      (await api.units()).map(({ name }) => name),
      sorted,
    );
    assert.deepEqual(
      (await api.states()).map(({ name }) => name),
      sorted,
    );
    assert.deepEqual(
      (await api.machines()).map(({ id }) => id),
      ids,
    );
    const listed = await cluster.cli('list-units', '--no-legend', '--fields', 'unit');
    assert.deepEqual(listed.stdout.trimEnd().split('\n'), sorted);
    for (const path of ['units', 'state', 'machines']) {
      assert.equal((await api.ask('GET', `/${path}?nextPageToken=nonsense`)).status, 400);
    }
  });

  await scenario('--replace with a changed body restarts the unit', async () => {
    const file = join(cluster.dir, 'changing.service');
    await writeFile(file, service);
    assert.equal((await cluster.cli('start', file)).code, 0);
    const [before] = await cluster.units();
    await writeFile(file, service.replace('100000', '100001'));
    assert.equal((await cluster.cli('start', file)).code, 1, 'without --replace it is refused');
    assert.equal((await cluster.cli('start', '--replace', file)).code, 0);
    const [after] = await cluster.units();
    assert.equal(after?.sub, 'running');
    assert.notEqual(after?.pid, before?.pid);
    assert.notEqual(after?.hash, before?.hash);
  });

  await scenario('metadata of a machine is added, changed and removed; units follow it', async () => {
    assert.deepEqual(await metadata('add', 'zone', 'a'), { zone: 'a' });
    await launch(fleet('MachineMetadata=zone=a'), 'zoned.service');
    assert.deepEqual((await api.running('zoned.service')).get('zoned.service'), [ids[0]]);
    assert.deepEqual(await metadata('replace', 'zone', 'b'), { zone: 'b' });
    await api.statesUntil('no machine fits any more', (states) => states.length === 0);
    const explained = await cluster.cli('status', 'zoned.service');
    assert.match(explained.stdout, /metadata zone is not a/);
    await metadata('replace', 'zone', 'a');
    await api.running('zoned.service');
    assert.deepEqual(await metadata('remove', 'zone'), {});
  });

  await scenario(
    'of 5 units that conflict with each other 3 run, on distinct machines; destroying one frees another',
    async () => {
      const names = numbered(5, 'conflict-');
      await launch(fleet('Conflicts=conflict-*'), ...names);
      const states = await api.statesUntil(
        '3 run',
        (all) => all.filter((s) => s.systemdSubState === 'running').length === 3,
      );
      assert.deepEqual(states.map(({ machineID }) => machineID).sort(), ids);
      const ran = states.map(({ name }) => name);
      await api.ask('DELETE', `/units/${ran[0]}`);
      const later = await api.statesUntil(
        'one that was blocked runs',
        (all) => all.length === 3 && all.every((s) => s.systemdSubState === 'running' && s.name !== ran[0]),
      );
      assert.deepEqual(later.map(({ machineID }) => machineID).sort(), ids);
      for (const kept of ran.slice(1))
        assert.ok(
          later.some(({ name }) => name === kept),
          `${kept} stayed`,
        );
    },
  );

  await scenario('two global units that conflict never share a machine', async () => {
    await launch(fleet('Global=true', 'Conflicts=global-*'), 'global-1.service', 'global-2.service');
    const states = await api.statesUntil(
      'each machine has one',
      (all) => all.length === 3 && all.every((s) => s.systemdSubState === 'running'),
    );
    assert.deepEqual(states.map(({ machineID }) => machineID).sort(), ids);
  });

  await scenario('a unit that replaces another one gets its machine, and the other one moves', async () => {
    await launch(service, 'old.service');
    const [before] = (await api.running('old.service')).get('old.service') ?? [];
    await launch(fleet('Replaces=old.service'), 'new.service');
    await api.statesUntil(
      'the old one has moved',
      (all) =>
        all.length === 2 &&
        all.every((s) => s.systemdSubState === 'running') &&
        all.every((s) => (s.machineID === before) === (s.name === 'new.service')),
    );
    const circle = await api.ask('PUT', '/units/old.service', {
      desiredState: 'launched',
      options: [
        { section: 'Service', name: 'ExecStart', value: '/bin/true' },
        { section: 'X-Fleet', name: 'Replaces', value: 'new.service' },
      ],
    });
    assert.equal(circle.status, 400);
  });

  await scenario(
    'a global unit runs on every machine, also on one that joins later; a clean shutdown takes it off the lists',
    async (t) => {
      await launch(fleet('Global=true'), 'everywhere.service');
      const first = await api.statesUntil(
        'it is on three',
        (all) => all.filter((s) => s.systemdSubState === 'running').length === 3,
      );
      assert.deepEqual(first.map(({ machineID }) => machineID).sort(), ids);
      const id = 'a'.repeat(32);
      const late = startNode(t, cluster, { id });
      await api.statesUntil('it is on four', (all) => all.filter((s) => s.systemdSubState === 'running').length === 4);
      late.kill('SIGTERM');
      await until(
        'the machine has left the list',
        async () => !(await api.machines()).some((machine) => machine.id === id),
        30_000,
      );
      assert.ok(
        (await api.states()).every(({ machineID }) => machineID !== id),
        'its states are purged',
      );
      await once(late, 'exit');
    },
  );

  await scenario('a second machine with the same id is refused, and the first one keeps its units', async (t) => {
    await launch(fleet(`MachineID=${ids[0]}`), 'pinned.service');
    await api.running('pinned.service');
    const [before] = await cluster.units();
    const twin = startNode(t, cluster, { id: ids[0] ?? '' });
    let said = '';
    twin.stdout?.on('data', (data) => (said += data));
    twin.stderr?.on('data', (data) => (said += data));
    await until('it is refused', () => /is in use/.test(said), 30_000);
    const [after] = await cluster.units();
    assert.deepEqual([after?.machine, after?.pid, after?.sub], [before?.machine, before?.pid, 'running']);
    assert.equal((await api.machines()).length, 3);
  });

  await scenario('a machine that is cut off from the control plane keeps its units and their states', async (t) => {
    const port = Number(new URL(cluster.cluster.file.server).port);
    const road = await startTcpProxy(t, { port });
    const id = 'b'.repeat(32);
    startNode(t, cluster, { id, server: `nats://127.0.0.1:${road.port}` });
    await until('it has joined', async () => (await api.machines()).length === 4, 30_000);
    await launch(fleet(`MachineID=${id}`), 'lonely.service');
    await api.running('lonely.service');
    const [before] = await cluster.units();
    road.cut();
    await until('it is lost', async () => (await api.machines()).length === 3, 30_000);
    process.kill(before?.pid ?? 0, 0);
    road.heal();
    await api.running('lonely.service');
    const [after] = await cluster.units();
    assert.deepEqual([after?.machine, after?.pid], [id, before?.pid], 'it is the same process');
  });

  await scenario(
    'units bound by MachineOf= land together; of a dead machine they move together, and nothing else does; none comes back',
    async () => {
      await launch(service, ...numbered(3, 'main-'));
      for (const name of numbered(3, 'main-')) await launch(fleet(`MachineOf=${name}`), name.replace('main', 'side'));
      const all = [...numbered(3, 'main-'), ...numbered(3, 'side-')];
      const before = await api.running(...all);
      const isPaired = (places: Map<string, string[]>) =>
        numbered(3, 'main-').every(
          (name) => String(places.get(name)) === String(places.get(name.replace('main', 'side'))),
        );
      assert.ok(isPaired(before));
      const dead = before.get('main-1.service')?.[0] ?? '';
      await cluster.killMachine(cluster.numberOf(dead));
      await api.statesUntil(
        'all of them are elsewhere',
        (states) => states.length === 6 && states.every((s) => s.machineID !== dead && s.systemdSubState === 'running'),
      );
      const after = await api.running(...all);
      assert.ok(isPaired(after), 'the pairs stay together');
      for (const name of all)
        if (before.get(name)?.[0] !== dead) assert.deepEqual(after.get(name), before.get(name), `${name} stayed`);
      await cluster.cluster.startNode(cluster.numberOf(dead));
      await until('it is there again', async () => (await api.machines()).length === 3, 30_000);
      // A unit that goes to the emptiest machine is placed after everything that the return led to.
      await launch(service, 'next.service');
      assert.deepEqual((await api.running(...all, 'next.service')).get('next.service'), [dead]);
      for (const [name, places] of await api.running(...all, 'next.service')) {
        if (name !== 'next.service') assert.deepEqual(places, after.get(name), `${name} stayed`);
      }
    },
  );
});

/** One more machine, as a process of its own. */
function startNode(
  t: TestContext,
  { dir, cluster }: TestCluster,
  { id, server }: { id: string; server?: string },
): ChildProcess {
  const { file } = cluster;
  const nodeDir = join(dir, `extra-${Math.random().toString(36).slice(2)}`);
  const argv = [
    program,
    'node',
    '--server',
    server ?? file.server,
    '--dir',
    nodeDir,
    '--machine-id',
    id,
    '--runtime',
    'process',
  ];
  const env = { ...process.env, FLOTILLA_USER: file.user ?? '', FLOTILLA_PASSWORD: file.password ?? '' };
  const child = spawn(process.execPath, argv, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout?.resume();
  child.stderr?.resume();
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  });
  return child;
}
