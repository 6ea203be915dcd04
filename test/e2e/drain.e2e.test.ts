import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CommandBody } from '../../shared/protocol/commands.ts';
import { startTestCluster } from '../support/cluster.ts';
import { readCommits } from '../support/history.ts';
import { until } from '../support/until.ts';

const sleeper = '[Service]\nExecStart=/bin/sleep 100000\n';

test('a machine is drained one unit after the other, while nothing else moves, and gets new ones when it is uncordoned', async (t) => {
  const cluster = await startTestCluster(t, { nodes: 3 });
  const units = ['a', 'b', 'c', 'd', 'e', 'f'].map((letter) => ({ name: `${letter}.service`, text: sleeper }));
  assert.ok((await cluster.client.command({ type: 'StartUnits', units })).ok);
  const before = await cluster.unitsUntil('all run', (rows) => rows.length === 6 && rows.every(isRunning));
  const drained = before[0]?.machine ?? '';

  const drain = await cluster.cli('drain', drained, '--reason', 'new disks');
  assert.equal(drain.code, 0, drain.stderr);
  assert.match(drain.stdout, /is drained: no unit is placed there any more/);
  const after = await cluster.unitsUntil('all run elsewhere', (rows) => {
    return rows.length === 6 && rows.every((row) => isRunning(row) && row.machine !== drained);
  });
  for (const row of before.filter(({ machine }) => machine !== drained)) {
    assert.equal(after.find(({ unit }) => unit === row.unit)?.pid, row.pid, `${row.unit} was left alone`);
  }

  // From when a unit leaves to when it runs elsewhere, no other one leaves.
  const events = (await readCommits(await cluster.client.openLog())).flatMap((commit) => commit.events);
  let moving: string | null = null;
  for (const event of events) {
    if (event.type === 'UnitEvicted') {
      assert.equal(moving, null, `${event.unit} left while ${moving} was on its way`);
      moving = event.unit;
    }
    const isWell = event.type === 'UnitStateReported' && event.active === 'active' && event.machine !== drained;
    if (isWell && event.unit === moving) moving = null;
  }

  const explained = await cluster.cli('explain', 'a.service', '--full');
  assert.match(explained.stdout, /machine cordoned/);
  assert.match(explained.stdout, /on [0-9a-f]{8}… since sequence \d+: machine [0-9a-f]{32} is drained: new disks/);

  assert.equal((await cluster.cli('uncordon', drained)).code, 0);
  const move = await cluster.cli('move', 'a', '--to', drained);
  assert.equal(move.code, 0, move.stderr);
  const [moved] = (await cluster.units()).filter(({ unit }) => unit === 'a.service');
  assert.equal(moved?.machine, drained);

  const plan = await cluster.cli('rebalance', '--dry-run');
  assert.match(
    plan.stdout,
    /^UNIT +FROM +TO +WHY\n.+ has 3 units, .+ 1\n1 move would make of units 2\.16: units 2\.00\n$/,
  );
  const rebalance = await cluster.cli('rebalance', '--reason', 'new disks are in');
  assert.equal(rebalance.code, 0, rebalance.stderr);
  assert.match(rebalance.stdout, /The rebalance is over after 1 move: no move makes the cluster more even/);
  const places = (await cluster.units()).map(({ machine }) => machine);
  assert.ok(
    places.every((machine) => places.filter((other) => other === machine).length === 2),
    places.join(' '),
  );
  assert.match((await cluster.cli('rebalance')).stdout, /^Nothing to do/);
});

test('a unit that is drained, moved or rebalanced is not started before its old copy has ended, and says that it waits', async (t) => {
  const cluster = await startTestCluster(t, { nodes: 2 });
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-moves-'));
  t.after(() => rm(directory, { recursive: true }));
  const diary = join(directory, 'diary');
  // It ends when it may.
  const leave = join(directory, 'leave');
  const text = `[Service]\nExecStart=/bin/sh -c 'trap "until test -e ${leave}; do sleep 0.05; done; echo end >> ${diary}; exit" TERM; echo begin >> ${diary}; while :; do sleep 0.1; done'\n`;
  /** Once it has so many lines. */
  const read = (lines: number) =>
    until(`there are ${lines} lines`, async () => {
      const told = (await readFile(diary, 'utf8').catch(() => '')).split('\n').slice(0, -1);
      return told.length >= lines && told;
    });
  const start = async (name: string, file: string) => {
    assert.ok((await cluster.client.command({ type: 'StartUnits', units: [{ name, text: file }] })).ok);
    const rows = await cluster.unitsUntil(`${name} runs`, (all) =>
      all.some((row) => row.unit === name && isRunning(row)),
    );
    return rows.find(({ unit }) => unit === name)?.machine ?? '';
  };
  const first = await start('slow.service', text);
  await read(1);
  const drain: CommandBody = { type: 'CordonMachines', machines: [first], reason: 'new disks', drain: 'at-once' };
  assert.ok((await cluster.client.command(drain)).ok);

  const isWaiting = (row: { unit: string; sub: string; machine: string | null }) =>
    row.unit === 'slow.service' && row.sub === 'waiting' && row.machine !== first;
  await cluster.unitsUntil('it waits on the other machine', (rows) => rows.some(isWaiting));
  const [status, explained] = [await cluster.cli('status', 'slow'), await cluster.cli('explain', 'slow')];
  assert.match(status.stdout, new RegExp(`activating \\(waiting\\)[^]*waiting for its copy on ${first} to end`));
  assert.match(explained.stdout, /it is started there when its copy on [0-9a-f]{8}… has ended/);
  assert.deepEqual(await read(1), ['begin']);
  await writeFile(leave, '');
  await cluster.unitsUntil('it runs elsewhere', (rows) => rows.length === 1 && rows.every(isRunning));
  assert.deepEqual(await read(3), ['begin', 'end', 'begin']);
  const told = await cluster.cli('events', '--unit', 'slow.service');
  assert.match(told.stdout, /placed on .*; starts when its copy on [0-9a-f]{8}… has ended/);
  assert.match(told.stdout, /need not wait for its copy on [0-9a-f]{8}… any longer: the machine says that it is gone/);

  assert.equal((await cluster.cli('uncordon', first)).code, 0);
  const move = await cluster.cli('move', 'slow', '--to', first);
  assert.equal(move.code, 0, move.stderr);
  assert.deepEqual((await read(5)).slice(3), ['end', 'begin']);

  // Two beside it, where it is the first in name: it is the one that a rebalance moves.
  for (const name of ['x.service', 'y.service']) {
    await start(name, sleeper);
    const { stderr, code } = await cluster.cli('move', name, '--to', first);
    assert.equal(code, 0, stderr);
  }
  const rebalance = await cluster.cli('rebalance');
  assert.equal(rebalance.code, 0, rebalance.stderr);
  const [moved] = (await cluster.units()).filter(({ unit }) => unit === 'slow.service');
  assert.notEqual(moved?.machine, first, rebalance.stdout);
  assert.deepEqual((await read(7)).slice(5), ['end', 'begin']);
});

test('instances of a template are scaled up and down', async (t) => {
  const cluster = await startTestCluster(t, { nodes: 2 });
  assert.ok((await cluster.client.command({ type: 'SubmitUnits', units: [{ name: 'w@.service', text: sleeper }] })).ok);
  const scale = async (count: number) => {
    const { code, stderr } = await cluster.cli('scale', 'w@', String(count));
    assert.equal(code, 0, stderr);
    const rows = await cluster.unitsUntil(`${count} run`, (found) => found.length === count && found.every(isRunning));
    return rows.map(({ unit }) => unit);
  };
  assert.deepEqual(await scale(3), ['w@1.service', 'w@2.service', 'w@3.service']);
  assert.deepEqual(await scale(1), ['w@1.service']);
});

test('instances are replaced one after the other, and have their old version again when the new one fails', async (t) => {
  const cluster = await startTestCluster(t, { nodes: 2 });
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-rollout-'));
  t.after(() => rm(directory, { recursive: true }));
  const names = ['r@1.service', 'r@2.service', 'r@3.service'];
  const units = names.map((name) => ({ name, text: sleeper }));
  assert.ok((await cluster.client.command({ type: 'StartUnits', units })).ok);
  await cluster.unitsUntil('all run', (rows) => rows.length === 3 && rows.every(isRunning));
  const replace = async (text: string) => {
    const file = join(directory, 'r@.service');
    await writeFile(file, text);
    const instances = join(directory, 'r@{1..3}.service');
    return cluster.cli('start', '--replace', instances, '--max-unavailable', '1', '--settle', '1');
  };

  const replaced = await replace(`${sleeper}Restart=always\n`);
  assert.equal(replaced.code, 0, replaced.stderr);
  for (const name of names) assert.match(replaced.stdout, new RegExp(`${name}: replaced, and well`));
  const hashes = (await cluster.units()).map(({ hash }) => hash);
  assert.equal(new Set(hashes).size, 1);

  const failed = await replace('[Service]\nExecStart=/bin/false\n');
  assert.equal(failed.code, 1, failed.stdout);
  assert.match(
    failed.stderr,
    /r@1\.service failed \(exit-code\): the units that were replaced get their old version back/,
  );
  const rows = await cluster.unitsUntil('all run again', (found) => found.length === 3 && found.every(isRunning));
  assert.deepEqual(
    rows.map(({ hash }) => hash),
    hashes,
  );

  // One that is under way is stopped by hand: the first unit takes its time to start.
  await writeFile(join(directory, 'r@.service'), `${sleeper}ExecStartPre=/bin/sleep 100000\n`);
  const args = ['--max-unavailable', '1', '--settle', '1', '--no-block'];
  const begun = await cluster.cli('start', '--replace', join(directory, 'r@{1..3}.service'), ...args);
  assert.equal(begun.code, 0, begun.stderr);
  await cluster.unitsUntil('it starts', (found) => found.some(({ sub }) => sub === 'start-pre'));
  const rollback = await cluster.cli('rollback', 'r@3', '--reason', 'too slow');
  assert.equal(rollback.code, 0, rollback.stderr);
  assert.match(
    rollback.stderr,
    /somebody stopped it: too slow: the units that were replaced get their old version back/,
  );
  assert.match(rollback.stdout, /3 units as before/);
  const back = await cluster.unitsUntil('all run as before', (found) => found.every(isRunning));
  assert.deepEqual(
    back.map(({ hash }) => hash),
    hashes,
  );
  const idle = await cluster.cli('rollback', 'r@3');
  assert.equal(idle.code, 1);
  assert.match(idle.stderr, /r@3\.service: no replacement of it is under way/);

  // A unit is taken down only when all others are well.
  const events = (await readCommits(await cluster.client.openLog())).flatMap((commit) => commit.events);
  const steps = events.flatMap((event) => (event.type === 'RolloutStepped' ? [event.units] : []));
  assert.deepEqual(
    steps,
    [...names, ...Array(4).fill('r@1.service')].map((name) => [name]),
  );
});

function isRunning({ sub }: { sub: string }): boolean {
  return sub === 'running';
}
