/** What fleet's own functional tests assert, on simulated clusters: hours of it in seconds, and the same every time. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ClusterReader } from '../../services/api/clusterReader.ts';
import { createSender } from '../../services/api/sender.ts';
import { createServer } from '../../services/api/server.ts';
import { createMemoryNetwork } from '../../shared/bus/memoryBus.ts';
import { unitStates } from '../../shared/domain/views.ts';
import { machineFacts } from '../support/samples.ts';
import { PlayedWorld, unitFile } from './playedCluster.ts';

const numbered = (count: number, prefix: string) =>
  Array.from({ length: count }, (_, i) => `${prefix}${i + 1}.service`);
const away = 600_000;

describe("fleet's scenarios, simulated", () => {
  test('pairs that MachineOf binds land together, and migrate together', async (t) => {
    const cluster = await PlayedWorld.start(t);
    await cluster.start(unitFile(), ...numbered(3, 'lead-'));
    for (let pair = 1; pair <= 3; pair++)
      await cluster.start(unitFile(`MachineOf=lead-${pair}.service`), `follow-${pair}.service`);
    const areTogether = () =>
      [1, 2, 3].every((pair) => {
        const places = cluster.placesOf(`lead-${pair}.service`);
        return places.length === 1 && `${places}` === `${cluster.placesOf(`follow-${pair}.service`)}`;
      });
    assert.ok(areTogether());
    const [dead = ''] = cluster.placesOf('lead-1.service');
    cluster.strike({ do: 'power', machine: dead, forMs: away });
    await cluster.until('all pairs are together elsewhere', () => areTogether() && cluster.running().length === 6);
    assert.ok(!cluster.running().some((entry) => entry.endsWith(`@${dead}`)));
  });

  test('of five units that conflict, three run on three machines, each on its own', async (t) => {
    const cluster = await PlayedWorld.start(t);
    await cluster.start(unitFile('Conflicts=apart-*'), ...numbered(5, 'apart-'));
    const machines = cluster.running().map((entry) => entry.split('@')[1]);
    assert.deepEqual(machines.sort(), cluster.readyMachines());
    assert.equal(cluster.state.waiting.size, 2);
  });

  test('destroying one of those that run frees its machine for one that waits', async (t) => {
    const cluster = await PlayedWorld.start(t);
    await cluster.start(unitFile('Conflicts=apart-*'), ...numbered(5, 'apart-'));
    const [first = ''] = cluster.running();
    const [unit = '', machine] = first.split('@');
    await cluster.demand({ type: 'DestroyUnits', units: [{ name: unit }] });
    await cluster.settled();
    assert.equal(cluster.running().length, 3);
    assert.equal(cluster.running().filter((entry) => entry.endsWith(`@${machine}`)).length, 1);
    assert.equal(cluster.state.waiting.size, 1);
  });

  test('a global unit runs on every machine, also on one that joins later', async (t) => {
    const cluster = await PlayedWorld.start(t);
    cluster.strike({ do: 'power', machine: 'm3', forMs: 30_000 });
    await cluster.until('two are left', () => cluster.readyMachines().length === 2);
    await cluster.demand({ type: 'StartUnits', units: [{ name: 'all.service', text: unitFile('Global=true') }] });
    await cluster.until('it runs on both', () => `${cluster.placesOf('all.service')}` === 'm1,m2');
    await cluster.until('it runs on all', () => `${cluster.placesOf('all.service')}` === 'm1,m2,m3');
  });

  test('two global units that conflict never share a machine', async (t) => {
    const cluster = await PlayedWorld.start(t);
    await cluster.start(unitFile('Global=true', 'Conflicts=b.service'), 'a.service');
    await cluster.start(unitFile('Global=true', 'Conflicts=a.service'), 'b.service');
    const machines = cluster.running().map((entry) => entry.split('@')[1]);
    assert.equal(new Set(machines).size, machines.length);
    assert.equal(machines.length, 3);
  });

  test("a dead machine's units migrate, and only those", async (t) => {
    const cluster = await PlayedWorld.start(t);
    await cluster.start(unitFile(), ...numbered(9, 'u-'));
    const before = cluster.processes();
    cluster.strike({ do: 'power', machine: 'm2', forMs: away });
    await cluster.until('all run elsewhere', () => {
      return cluster.running().length === 9 && !cluster.running().some((entry) => entry.endsWith('@m2'));
    });
    const after = cluster.processes();
    const stayed = [...before].filter(([entry]) => !entry.endsWith('@m2'));
    assert.equal(stayed.length, 6);
    for (const [entry, pid] of stayed) assert.equal(after.get(entry), pid, `${entry} was left alone`);
  });

  test('a machine that comes back gets none of its units back by itself, and no other unit moves', async (t) => {
    const cluster = await PlayedWorld.start(t);
    await cluster.start(unitFile(), ...numbered(9, 'u-'));
    cluster.strike({ do: 'power', machine: 'm2', forMs: 30_000 });
    await cluster.until('it is lost', () => cluster.readyMachines().length === 2);
    await cluster.until('all run elsewhere', () => cluster.running().length === 9);
    const before = cluster.processes();
    await cluster.until('it is back', () => cluster.readyMachines().length === 3);
    await cluster.passes(30_000);
    await cluster.settled();
    assert.deepEqual(cluster.processes(), before);
  });

  test('a machine that is cut off from the control plane keeps its units, and their states when it is back in time', async (t) => {
    const cluster = await PlayedWorld.start(t);
    await cluster.start(unitFile(), ...numbered(3, 'u-'));
    const before = cluster.processes();
    cluster.strike({ do: 'disconnect', actor: 'node-1', forMs: 1_000 });
    await cluster.passes(30_000);
    await cluster.settled();
    assert.deepEqual(cluster.processes(), before);
    cluster.strike({ do: 'logAway', forMs: 60_000 });
    await cluster.passes(70_000);
    await cluster.settled();
    assert.deepEqual(cluster.processes(), before, 'nor does a log that is away stop anything');
  });

  test('a clean shutdown takes a machine and its states out, and its units run elsewhere', async (t) => {
    const cluster = await PlayedWorld.start(t);
    await cluster.start(unitFile(), ...numbered(3, 'u-'));
    cluster.strike({ do: 'leave', machine: 'm1', forMs: away });
    await cluster.until('it has left', () => cluster.state.machines.get('m1')?.state === 'left');
    assert.equal(cluster.state.reports.has('m1'), false);
    await cluster.until('all run on the others', () => {
      return cluster.running().length === 3 && cluster.placesOf('u-1.service').every((machine) => machine !== 'm1');
    });
  });

  test('a second machine with the same id is refused, and the first one keeps its units', async (t) => {
    const cluster = await PlayedWorld.start(t);
    await cluster.start(unitFile(), ...numbered(3, 'u-'));
    const before = cluster.processes();
    const reply = await cluster.ask({ type: 'JoinMachine', ...machineFacts('m1', { nodeKey: 'copied' }) });
    assert.equal(reply.ok ? '' : reply.code, 'machine-id-in-use');
    await cluster.passes(10_000);
    assert.deepEqual(cluster.processes(), before);
  });

  test('submit of 9, load of 6 and start of 3 units repeat without error, and change nothing the second time', async (t) => {
    const cluster = await PlayedWorld.start(t);
    const units = (count: number) => numbered(count, 'u-').map((name) => ({ name, text: unitFile() }));
    for (const [type, count] of [
      ['SubmitUnits', 9],
      ['LoadUnits', 6],
      ['StartUnits', 3],
    ] as const) {
      await cluster.demand({ type, units: units(count) });
      await cluster.settled();
      // What machines report of units that are only loaded comes a moment later.
      await cluster.passes(5_000);
      const { seq } = cluster.world.audit.projection;
      await cluster.demand({ type, units: units(count) });
      await cluster.passes(5_000);
      assert.equal(cluster.world.audit.projection.seq, seq, `${type} again`);
    }
    const isDesired = (wish: string) => [...cluster.state.units.values()].filter(({ desired }) => desired === wish);
    assert.deepEqual(
      ['inactive', 'loaded', 'launched'].map((wish) => isDesired(wish).length),
      [3, 3, 3],
    );
    assert.equal(cluster.running().length, 3);
  });

  test('a changed body is refused without replace; with it the unit is restarted where it is', async (t) => {
    const cluster = await PlayedWorld.start(t);
    await cluster.start(unitFile(), 'a.service', 'b.service');
    const before = cluster.processes();
    const units = [{ name: 'a.service', text: `${unitFile()}\n[Service]\nEnvironment=A=1\n` }];
    const refused = await cluster.ask({ type: 'StartUnits', units });
    assert.equal(refused.ok ? '' : refused.code, 'unit-exists');
    await cluster.demand({ type: 'StartUnits', units, replace: true });
    await cluster.until('it was restarted', () => {
      const now = cluster.processes();
      return now.size === 2 && [...now].some(([entry, pid]) => entry.startsWith('a.') && before.get(entry) !== pid);
    });
    for (const [entry, pid] of before) {
      assert.ok(cluster.processes().has(entry), `${entry} is where it was`);
      if (entry.startsWith('b.')) assert.equal(cluster.processes().get(entry), pid);
    }
  });

  test('the submitted body comes back byte for byte', async (t) => {
    const cluster = await PlayedWorld.start(t, 1);
    const text =
      '[Unit]\nDescription=100 %% "quoted" \\x20 ünïcode\n\n[Service]\nExecStart=/bin/main "a; \\\n   b"\n# end\n';
    await cluster.demand({ type: 'SubmitUnits', units: [{ name: 'odd.service', text }] });
    assert.equal(cluster.state.units.get('odd.service')?.text, text);
  });

  test('lists are sorted, and a bad page token is a 400', async (t) => {
    const cluster = await PlayedWorld.start(t);
    await cluster.start(unitFile(), 'c.service', 'a.service', 'b@2.service', 'b@10.service');
    const sorted = ['a.service', 'b@10.service', 'b@2.service', 'c.service'];
    assert.deepEqual(
      unitStates(cluster.state).map(({ unit }) => unit),
      sorted,
    );
    const { clock, logs, audit } = cluster.world;
    const reader = new ClusterReader({ log: logs.cluster.open(), projection: audit.projection, clock });
    const send = createSender({ bus: createMemoryNetwork({ clock }).connect(), clock, ids: () => 'x' });
    const app = createServer({ reader, send, clock, onError: assert.ifError });
    t.after(() => app.close());
    const get = async (path: string) => {
      let answer: { statusCode: number; body: string } | undefined;
      void app.inject(`/fleet/v1/${path}`).then((response) => {
        answer = response;
      });
      while (answer === undefined) {
        await clock.advance(1);
        await setImmediate();
      }
      return answer;
    };
    const { units } = JSON.parse((await get('units')).body);
    assert.deepEqual(
      units.map(({ name }: { name: string }) => name),
      sorted,
    );
    const { states } = JSON.parse((await get('state')).body);
    assert.deepEqual(
      states.map(({ name }: { name: string }) => name),
      sorted,
    );
    for (const list of ['units', 'state', 'machines'])
      assert.equal((await get(`${list}?nextPageToken=bad`)).statusCode, 400);
  });

  test("a machine's metadata is added, changed and removed, and units follow it", async (t) => {
    const cluster = await PlayedWorld.start(t);
    const change = (machine: string, value: string | null) =>
      cluster.demand({ type: 'ChangeMachineMetadata', changes: [{ machine, key: 'disk', value }] });
    await cluster.demand({
      type: 'StartUnits',
      units: [{ name: 'a.service', text: unitFile('MachineMetadata=disk=ssd') }],
    });
    await cluster.passes(5_000);
    assert.deepEqual(cluster.running(), []);
    await change('m2', 'ssd');
    await cluster.until('it runs there', () => `${cluster.running()}` === 'a.service@m2');
    await change('m3', 'ssd');
    await change('m2', 'hdd');
    await cluster.until('it has moved', () => `${cluster.running()}` === 'a.service@m3');
    await change('m3', null);
    await cluster.until('it runs nowhere', () => cluster.running().length === 0);
    assert.equal(cluster.state.machines.get('m3')?.metadata.disk, undefined);
  });
});
