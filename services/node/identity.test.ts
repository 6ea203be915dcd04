import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { primaryIp } from '../../shared/embedded/primaryIp.ts';
import { hostCapacity, readIdentity } from './identity.ts';

const hex32 = /^[0-9a-f]{32}$/;

describe('the identity of a node', { timeout: 10_000 }, () => {
  let directory = '';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'flotilla-identity-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('is made once for its directory, for its owner alone to read', async () => {
    const own = join(directory, 'deep', 'down');
    const first = await readIdentity(own, undefined);
    assert.match(first.nodeKey, hex32);
    assert.ok(first.machine.length > 0);
    assert.deepEqual(await readIdentity(own, undefined), first);
    assert.equal((await stat(join(own, 'node-key'))).mode & 0o777, 0o600);
    const other = await readIdentity(join(directory, 'other'), undefined);
    assert.notEqual(other.nodeKey, first.nodeKey);
  });

  it('keeps the machine id that its directory has, whatever the host is', async () => {
    await writeFile(join(directory, 'machine-id'), `${'a'.repeat(32)}\nrest\n`);
    assert.equal((await readIdentity(directory, undefined)).machine, 'a'.repeat(32));
  });

  it('is that of the host, where the host has one', async (t) => {
    const host = await readFile('/etc/machine-id', 'utf8').catch(() => '');
    if (host.trim() === '') return t.skip('this host has no /etc/machine-id');
    assert.equal((await readIdentity(directory, undefined)).machine, host.trim());
  });

  it('has the machine id that was asked for, and does not keep it', async () => {
    const asked = await readIdentity(directory, 'm1');
    const later = await readIdentity(directory, undefined);
    assert.deepEqual([asked.machine, asked.nodeKey], ['m1', later.nodeKey]);
    assert.notEqual(later.machine, 'm1');
  });

  it('changes its boot id with the kernel, not with the agent', async () => {
    const [one, two] = [await readIdentity(directory, undefined), await readIdentity(directory, undefined)];
    assert.equal(one.bootId, two.bootId);
    assert.equal(one.bootId, (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim());
  });

  it('is not to be had in a directory that cannot be written', async () => {
    await writeFile(join(directory, 'file'), '');
    await assert.rejects(readIdentity(join(directory, 'file'), undefined));
  });
});

describe('a host', () => {
  it('has an address, and room', () => {
    assert.ok(isIPv4(primaryIp()));
    const { memoryBytes = 0, cpus = 0 } = hostCapacity();
    assert.ok(memoryBytes > 1024 ** 2 && cpus >= 1);
  });
});
