/** Version 2 of control groups, on a directory that stands for one: the machine of the tests may have version 1. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { ResourceControl } from '../../../../shared/domain/resourceControl.ts';
import { limitSiteIn, makeLimitGroups, outOfMemoryKills, removeLimitGroups } from './limitGroups.ts';

describe('control groups of version 2', () => {
  let mounted = '';
  let own = '';
  const mounts = () => `42 30 0:32 / ${mounted} rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate`;
  const site = () => limitSiteIn('0::/system.slice/agent.service\n', mounts(), 'flotilla-m');
  beforeEach(async () => {
    mounted = await mkdtemp(join(tmpdir(), 'flotilla-groups-'));
    own = join(mounted, 'system.slice/agent.service');
    mkdirSync(own, { recursive: true });
    writeFileSync(join(own, 'cgroup.controllers'), 'cpuset cpu memory pids\n');
    writeFileSync(join(own, 'cgroup.procs'), `${process.pid}\n`);
  });
  afterEach(() => rm(mounted, { recursive: true }));

  it('are handed down to the units, controller by controller', () => {
    const found = site();
    const parent = join(own, 'flotilla-m');
    assert.equal(found?.version, 2);
    assert.deepEqual(found?.parents, { memory: parent, cpu: parent, pids: parent, cpuset: parent });
    for (const group of [own, parent]) assert.match(readFileSync(join(group, 'cgroup.subtree_control'), 'utf8'), /^\+/);
  });

  it('limit a unit in one group, and say what this machine cannot enforce', () => {
    const group = join(own, 'flotilla-m', 'a.service');
    mkdirSync(group, { recursive: true });
    const files = ['memory.max', 'memory.high', 'memory.oom.group', 'cpu.max', 'pids.max', 'cpuset.cpus'];
    for (const file of ['cgroup.controllers', ...files]) writeFileSync(join(group, file), '');
    const control = {
      memoryMax: { bytes: 4096 },
      memoryHigh: { bytes: 2048 },
      memorySwapMax: { bytes: 0 },
      oomGroup: true as const,
      cpuQuota: 0.5,
      tasksMax: { count: 7 },
      allowedCpus: [0, 1],
      ioWeight: 100,
    } satisfies ResourceControl;
    const { groups, notes } = makeLimitGroups(site(), 'a.service', control);
    assert.deepEqual(groups, [group]);
    const values = files.map((file) => readFileSync(join(group, file), 'utf8'));
    assert.deepEqual(values, ['4096', '2048', '1', '50000 100000', '7', '0-1']);
    assert.deepEqual(notes, [
      'MemorySwapMax= is not enforced: this kernel has no memory.swap.max',
      'IOWeight= is not enforced: this agent has no control group with the controller io',
    ]);
    writeFileSync(join(group, 'memory.events'), 'low 0\noom 1\noom_kill 2\n');
    assert.equal(outOfMemoryKills(groups), 2);
  });

  it('go with the unit', () => {
    const { groups } = makeLimitGroups(site(), 'a.service', { tasksMax: { count: 7 } });
    removeLimitGroups(groups);
    assert.deepEqual(
      groups.map((group) => existsSync(group)),
      [false],
    );
  });

  it('are out of reach where their controllers are not handed down: the agent leaves its group for that, if it is alone there', () => {
    // What the kernel says of a group with processes in it.
    mkdirSync(join(own, 'cgroup.subtree_control'));
    assert.equal(site(), null);
    assert.equal(readFileSync(join(own, 'flotilla-agent', 'cgroup.procs'), 'utf8'), String(process.pid));
    writeFileSync(join(own, 'cgroup.procs'), `${process.pid}\n1\n`);
    rmSync(join(own, 'flotilla-agent'), { recursive: true });
    assert.equal(site(), null);
    assert.equal(existsSync(join(own, 'flotilla-agent')), false);
    assert.equal(limitSiteIn('0::/\n', '', 'flotilla-m'), null);
  });
});
