/** What the cluster does over some time goes on while the schedulers that lead it die, one after the other. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { rebalanceUnderWay } from '../../shared/domain/rebalance.ts';
import { isRollingOut } from '../../shared/domain/rollout.ts';
import type { CommandBody } from '../../shared/protocol/commands.ts';
import { PlayedWorld, unitFile } from './playedCluster.ts';

const numbered = (count: number, prefix: string) =>
  Array.from({ length: count }, (_, i) => `${prefix}${i + 1}.service`);

/** Whoever leads dies, and comes back after a while. */
function killLeader(cluster: PlayedWorld): void {
  const actor = cluster.state.leader?.id.split('.')[0];
  assert.ok(actor);
  cluster.strike({ do: 'crash', actor, forMs: 8_000 });
}

/** Until it is over, with a new leader every few seconds. */
async function amidElections(cluster: PlayedWorld, goesOn: () => boolean, look: () => void): Promise<number> {
  let deaths = 0;
  for (let steps = 0; goesOn(); steps++) {
    assert.ok(steps < 1_000, 'it comes to an end');
    if (steps % 40 === 8) {
      killLeader(cluster);
      deaths++;
    }
    look();
    await cluster.passes(250);
  }
  return deaths;
}

describe('whoever leads', () => {
  test('a rebalance goes on, one unit at a time, until the cluster is even', async (t) => {
    const cluster = await PlayedWorld.start(t);
    cluster.strike({ do: 'power', machine: 'm3', forMs: 20_000 });
    await cluster.until('two are left', () => cluster.readyMachines().length === 2);
    const units = numbered(18, 'u-').map((name) => ({ name, text: unitFile() }));
    await cluster.demand({ type: 'StartUnits', units });
    await cluster.until('the third is back', () => cluster.readyMachines().length === 3);
    await cluster.settled();
    assert.equal(cluster.running().filter((entry) => entry.endsWith('@m3')).length, 0);

    cluster.strike({ do: 'slow', machine: 'm3', startMs: 3_000, stopMs: 0, stubborn: false, forMs: 600_000 });
    await cluster.demand({ type: 'Rebalance', reason: 'a machine is back', maxMoves: 100 });
    const deaths = await amidElections(
      cluster,
      () => rebalanceUnderWay(cluster.state) !== null,
      () => assert.ok(cluster.state.moving.size <= 1),
    );
    const { ended, moves } = cluster.state.rebalance ?? {};
    assert.deepEqual([ended?.outcome, moves], ['even', 6]);
    await cluster.settled();
    for (const machine of ['m1', 'm2', 'm3'])
      assert.equal(cluster.running().filter((entry) => entry.endsWith(`@${machine}`)).length, 6);
    assert.ok(deaths > 1, `${deaths} leaders died`);
  });

  test('a rolling replacement goes on, and never takes down more than it may', async (t) => {
    const cluster = await PlayedWorld.start(t);
    const names = numbered(6, 'web-');
    await cluster.start(unitFile(), ...names);
    const before = cluster.processes();
    await cluster.demand({
      type: 'StartUnits',
      units: names.map((name) => ({ name, text: `${unitFile()}[Service]\nEnvironment=VERSION=2\n` })),
      replace: true,
      rolling: { maxUnavailable: 2, settleMs: 3_000, timeoutMs: 60_000 },
    });
    const deaths = await amidElections(
      cluster,
      () => isRollingOut(cluster.state),
      () => assert.ok(cluster.running().length >= names.length - 2, cluster.running().join(' ')),
    );
    assert.ok(deaths > 0);
    const [rollout] = [...cluster.state.rollouts.values()];
    assert.equal(rollout?.ended?.outcome, 'replaced');
    await cluster.settled();
    const after = cluster.processes();
    assert.deepEqual([...after.keys()].sort(), [...before.keys()].sort(), 'each is where it was');
    for (const [entry, pid] of before) assert.notEqual(after.get(entry), pid, `${entry} was restarted`);
  });

  test('a unit that has failed for as long as it says is moved, by whoever leads then', async (t) => {
    const cluster = await PlayedWorld.start(t);
    const text = '[Service]\nExecStart=/bin/main\n[X-Flotilla]\nRescheduleAfter=20s\n';
    await cluster.start(text, 'flaky.service');
    const [machine = ''] = cluster.placesOf('flaky.service');
    cluster.strike({ do: 'end', machine, unit: 'flaky.service', code: 1, forMs: 1 });
    await cluster.passes(5_000);
    assert.deepEqual(cluster.running(), []);
    killLeader(cluster);
    await cluster.passes(10_000);
    assert.deepEqual(cluster.running(), [], 'not before its time');
    await cluster.until('it runs elsewhere', () =>
      cluster.placesOf('flaky.service').some((there) => there !== machine),
    );
    await cluster.settled();
    assert.ok(Object.hasOwn(cluster.state.rescheduled.get('flaky.service')?.avoids ?? {}, machine));
    await cluster.passes(120_000);
    assert.equal(cluster.state.rescheduled.size, 0, 'it has been well for long enough');
  });

  test('what several people ask for at the same time comes to an end, and everything is where it may be', async (t) => {
    const cluster = await PlayedWorld.start(t, 4);
    const web = numbered(6, 'web-');
    const second = `${unitFile()}[Service]\nEnvironment=VERSION=2\n`;
    await cluster.start(unitFile(), ...web, 'main.service', 'gone.service');
    await cluster.start(unitFile('MachineOf=main.service'), 'side.service');
    await cluster.start(unitFile('MachineOf=side.service'), 'last.service');
    await cluster.start(unitFile('Global=true'), 'everywhere.service');
    const before = cluster.processes();
    const [home = ''] = cluster.placesOf('main.service');
    const other = cluster.readyMachines().find((machine) => machine !== home) ?? '';
    const everywhere = {
      name: 'everywhere.service',
      text: `${unitFile('Global=true')}[Service]\nEnvironment=VERSION=2\n`,
    };
    const rolling = { maxUnavailable: 1, settleMs: 1_000, timeoutMs: 60_000 };
    const wishes: CommandBody[] = [
      { type: 'StartUnits', units: web.map((name) => ({ name, text: second })), replace: true, rolling },
      { type: 'CordonMachines', machines: [home], reason: 'new disks', drain: 'one-by-one' },
      { type: 'Rebalance', reason: '', maxMoves: 20 },
      { type: 'StartUnits', units: [everywhere], replace: true },
      { type: 'CordonMachines', machines: [other], reason: 'noisy', drain: 'no' },
      { type: 'ChangeMachineMetadata', changes: [{ machine: other, key: 'zone', value: 'a' }] },
      { type: 'DestroyUnits', units: [{ name: 'gone.service' }] },
      { type: 'StartUnits', units: numbered(3, 'more-').map((name) => ({ name, text: unitFile() })) },
    ];
    await Promise.all(wishes.map((wish) => cluster.demand(wish)));
    const isAtWork = () =>
      rebalanceUnderWay(cluster.state) !== null ||
      isRollingOut(cluster.state) ||
      cluster.state.cordons.get(home)?.drain !== 'done';
    const deaths = await amidElections(cluster, isAtWork, () => {
      const runs = web.filter((name) => cluster.placesOf(name).length > 0);
      // One is replaced, one is drained or rebalanced.
      assert.ok(runs.length >= web.length - 3, runs.join(' '));
    });
    assert.ok(deaths > 0);
    await cluster.settled();
    const [place, ...others] = cluster.placesOf('main.service');
    assert.ok(place !== undefined && place !== home && others.length === 0);
    for (const name of ['side.service', 'last.service']) assert.deepEqual(cluster.placesOf(name), [place], name);
    assert.deepEqual(cluster.placesOf('gone.service'), []);
    assert.equal(numbered(3, 'more-').flatMap((name) => cluster.placesOf(name)).length, 3);
    assert.deepEqual(
      cluster.running().filter((entry) => entry.endsWith(`@${home}`)),
      [],
    );
    assert.deepEqual(
      cluster.placesOf('everywhere.service'),
      cluster.readyMachines().filter((machine) => machine !== home),
    );
    assert.equal([...cluster.state.rollouts.values()][0]?.ended?.outcome, 'replaced');
    for (const [entry, pid] of cluster.processes())
      if (entry.startsWith('web-')) assert.notEqual(before.get(entry), pid);
  });

  test('a drain goes on when a unit of higher priority takes the room of one that is drained', async (t) => {
    const cluster = await PlayedWorld.start(t);
    const sized = (share: number, priority = 0) =>
      `${unitFile()}[Service]\nMemoryMax=${share}G\n[X-Flotilla]\nPriority=${priority}\n`;
    await cluster.start(sized(3), 'a.service', 'b.service');
    const [home = ''] = cluster.placesOf('a.service');
    cluster.strike({ do: 'slow', machine: home, startMs: 0, stopMs: 3_000, stubborn: false, forMs: 600_000 });
    await cluster.demand({ type: 'CordonMachines', machines: [home], reason: '', drain: 'one-by-one' });
    killLeader(cluster);
    // Two machines are left for three of that size: the least important one has to wait.
    const urgent = { name: 'urgent.service', text: sized(3, 10) };
    await cluster.demand({ type: 'StartUnits', units: [urgent] });
    await cluster.until('the urgent one runs', () => cluster.placesOf('urgent.service').length === 1);
    await cluster.until('it is drained', () => cluster.state.cordons.get(home)?.drain === 'done');
    await cluster.settled();
    assert.equal(cluster.running().length, 2, cluster.running().join(' '));
    assert.ok(cluster.running().every((entry) => !entry.endsWith(`@${home}`)));
    await cluster.demand({ type: 'UncordonMachines', machines: [home] });
    await cluster.settled();
    assert.equal(cluster.running().length, 3);
  });
});
