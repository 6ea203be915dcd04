import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { ownGroups } from './controlGroup.ts';
import { hasExecuted, isAlive, parseStat, readProcess, sessionMembers } from './processTable.ts';

describe('the table of processes', { timeout: 10_000 }, () => {
  it('is read whatever a program calls itself', () => {
    for (const name of ['sh', 'a b', ') S 1 2 3', '(sd-pam)', '']) {
      const line = `31 (${name}) R 1 30 29 0 -1 64 0 0 0 0 0 0 0 0 20 0 1 0 777 0\n`;
      assert.deepEqual(parseStat(line), { pid: 31, state: 'R', session: 29, flags: 64, startTime: 777 });
    }
    assert.equal(parseStat(''), null);
  });

  it('knows a process by pid and start time, until it ends', async () => {
    const child = spawn('sleep', ['1000']);
    await once(child, 'spawn');
    const stat = readProcess(Number(child.pid)) ?? assert.fail('not found');
    assert.equal(isAlive(stat), true);
    assert.equal(isAlive({ ...stat, startTime: stat.startTime - 1 }), false, 'an earlier process of that pid');
    assert.equal(hasExecuted(stat.pid), true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.equal(isAlive(stat), false);
    assert.equal(hasExecuted(stat.pid), false);
  });

  it('finds the members of a session, and none of a session that took over its number', async () => {
    const script = 'sleep 1000 & sleep 1000 & echo ready; wait';
    const leader = spawn('sh', ['-c', script], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
    await once(leader.stdout, 'data');
    const identity = readProcess(Number(leader.pid)) ?? assert.fail('not found');
    const members = sessionMembers(identity);
    assert.equal(members.length, 2);
    assert.deepEqual(sessionMembers({ ...identity, startTime: identity.startTime - 1 }), []);
    leader.kill('SIGKILL');
    await once(leader, 'exit');
    assert.deepEqual(sessionMembers(identity), members, 'they outlive their leader');
    for (const pid of members) process.kill(pid, 'SIGKILL');
  });
});

describe("a process's own control groups", () => {
  const v1 = '40 30 0:30 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd';
  const hybrid = '41 30 0:31 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw';
  const v2 = '42 30 0:32 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate';
  const inContainer = '43 30 0:33 /docker/abc /sys/fs/cgroup ro,relatime - cgroup2 cgroup2 rw';
  for (const [title, groups, mounts, expected] of [
    ['v2', '0::/system.slice/a.service\n', v2, ['/sys/fs/cgroup/system.slice/a.service']],
    [
      'v1 and v2',
      '1:name=systemd:/x\n0::/y\n',
      `${v1}\n${hybrid}`,
      ['/sys/fs/cgroup/unified/y', '/sys/fs/cgroup/systemd/x'],
    ],
    ['v1', '4:memory:/m\n1:name=systemd:/x:y\n', v1, ['/sys/fs/cgroup/systemd/x:y']],
    ['a container', '0::/docker/abc/z\n', inContainer, ['/sys/fs/cgroup/z']],
    ['a container that does not see its own', '0::/../other\n', inContainer, []],
    ['none', '', '', []],
  ] as const) {
    it(`are found with ${title}`, () => assert.deepEqual(ownGroups(groups, mounts), expected));
  }
});
