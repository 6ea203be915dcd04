import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { interpretUnit } from '../../../shared/domain/interpretUnit.ts';
import { parseUnitFile } from '../../../shared/domain/unitFile.ts';
import { parseUnitName } from '../../../shared/domain/unitName.ts';
import { sandboxOf } from './containerSandbox.ts';

function read(lines: string, image = '[X-Flotilla]\nImage=busybox\n') {
  const name = parseUnitName('a.service').value;
  assert.ok(name);
  const { spec, problems } = interpretUnit(name, parseUnitFile(`[Service]\nExecStart=/x\n${lines}\n${image}`).file);
  return { sandbox: spec?.service?.sandbox, said: problems.map(({ message }) => message).join('\n') };
}

function bodyOf(lines: string, given: string[] = []) {
  const { sandbox, said } = read(lines);
  assert.equal(said, '');
  assert.ok(sandbox);
  return sandboxOf(sandbox, given, (path) => path !== '/missing');
}

describe('the capabilities of a container', () => {
  it('are docker’s own less what a bounding set leaves out, never more', () => {
    assert.deepEqual(bodyOf('CapabilityBoundingSet=CAP_CHOWN CAP_SYS_ADMIN'), {
      CapDrop: ['ALL'],
      CapAdd: ['CAP_CHOWN'],
    });
    assert.deepEqual(bodyOf('CapabilityBoundingSet='), { CapDrop: ['ALL'] });
    assert.equal(bodyOf('CapabilityBoundingSet=~CAP_NET_RAW CAP_MKNOD').CapAdd?.length, 12);
    assert.equal(bodyOf('CapabilityBoundingSet=~').CapAdd?.length, 14);
  });

  it('are more by AmbientCapabilities=, where nothing takes that away and the user is root', () => {
    const { CapAdd } = bodyOf('CapabilityBoundingSet=CAP_NET_ADMIN CAP_KILL\nAmbientCapabilities=CAP_NET_ADMIN');
    assert.deepEqual(CapAdd, ['CAP_KILL', 'CAP_NET_ADMIN']);
    assert.match(read('CapabilityBoundingSet=CAP_KILL\nAmbientCapabilities=CAP_NET_ADMIN').said, /takes away/);
    assert.match(read('ProtectClock=yes\nAmbientCapabilities=CAP_SYS_TIME').said, /asks for CAP_SYS_TIME/);
    assert.match(read('User=daemon\nAmbientCapabilities=CAP_NET_ADMIN').said, /to root alone/);
    assert.match(read('ProtectHostname=yes\nAmbientCapabilities=CAP_SYS_ADMIN').said, /host name/);
  });

  it('are without those that Private… and Protect… take away', () => {
    assert.ok(!bodyOf('PrivateDevices=yes').CapAdd?.includes('CAP_MKNOD'));
    assert.equal(bodyOf('ProtectKernelModules=yes').CapAdd?.length, 14);
  });
});

describe('the files of a container', () => {
  it('are read-only or hidden beside what docker protects in any', () => {
    const { ReadonlyPaths, MaskedPaths } = bodyOf(
      'ReadOnlyPaths=-/a +/b//c/\nInaccessiblePaths=-+/d\nProtectSystem=full',
    );
    const system = ['/usr', '/boot', '/efi', '/etc', '/a', '/b/c', '/etc/hosts', '/etc/hostname', '/etc/resolv.conf'];
    assert.deepEqual(ReadonlyPaths?.slice(-system.length), system);
    assert.ok(ReadonlyPaths?.includes('/proc/sys') && MaskedPaths?.includes('/proc/kcore'));
    assert.equal(MaskedPaths?.at(-1), '/d');
    assert.equal(bodyOf('ReadOnlyPaths=/').ReadonlyRootfs, true);
  });

  it('are writable below read-only ones where ReadWritePaths= says so, without hiding what is mounted there', () => {
    const strict = (lines: string, given?: string[]) => bodyOf(`ProtectSystem=strict\n${lines}`, given).Mounts;
    assert.deepEqual(strict('ReadWritePaths=/srv'), [{ Type: 'volume', Target: '/srv' }]);
    assert.equal(strict('ReadWritePaths=/var/lib/a /proc/x', ['/var/lib/a']), undefined);
    assert.equal(bodyOf('ReadWritePaths=/srv').Mounts, undefined);
    assert.equal(bodyOf('ReadOnlyPaths=/srv\nReadWritePaths=/srv').Mounts, undefined);
    assert.deepEqual(bodyOf('BindReadOnlyPaths=/m:/c\nReadWritePaths=/c/d').Mounts?.at(-1), {
      Type: 'bind',
      Source: '/m/d',
      Target: '/c/d',
    });
  });

  it('are the machine’s where BindPaths= says so; an optional source may be missing', () => {
    assert.deepEqual(bodyOf('BindPaths=/a -/missing /b:/c:norbind\nBindReadOnlyPaths=-/d').Mounts, [
      { Type: 'bind', Source: '/a', Target: '/a' },
      { Type: 'bind', Source: '/b', Target: '/c', BindOptions: { NonRecursive: true } },
      { Type: 'bind', Source: '/d', Target: '/d', ReadOnly: true },
    ]);
  });

  it('are in memory, once each, unless something is mounted there', () => {
    const { Tmpfs, Mounts } = bodyOf('PrivateTmp=yes\nTemporaryFileSystem=/x:ro,size=5% /y\nBindPaths=/m:/tmp', ['/y']);
    assert.deepEqual(Tmpfs, { '/var/tmp': 'exec,mode=1777', '/x': 'exec,suid,mode=0755,ro,size=5%' });
    assert.deepEqual(Mounts, [{ Type: 'bind', Source: '/m', Target: '/tmp' }]);
  });
});

describe('what a container is given', () => {
  it('are the devices that it may have, unless PrivateDevices= takes them all', () => {
    const fuse = { PathOnHost: '/dev/fuse', PathInContainer: '/dev/fuse', CgroupPermissions: 'rw' };
    assert.deepEqual(bodyOf('DevicePolicy=closed\nDeviceAllow=/dev/fuse rw').Devices, [fuse]);
    assert.equal(bodyOf('PrivateDevices=yes\nDeviceAllow=/dev/fuse rw').Devices, undefined);
    assert.match(read('DeviceAllow=char-pts rw').said, /cannot be had in a container/);
    assert.match(read('DevicePolicy=strict').said, /write closed/);
  });

  it('is no network, and memory of its own to share', () => {
    assert.deepEqual(bodyOf('PrivateNetwork=yes\nPrivateIPC=1'), { NetworkMode: 'none', IpcMode: 'private' });
  });
});

describe('a unit', () => {
  it('without Image= is told that containers of an image have it', () => {
    for (const line of ['PrivateTmp=yes', 'CapabilityBoundingSet=', 'BindPaths=/a', 'DeviceAllow=/dev/fuse'])
      assert.match(read(line, '').said, /is not supported .*name an image with Image= in \[X-Flotilla\]/, line);
  });

  it('with Image= is refused what a container does not enforce', () => {
    for (const line of ['PrivateUsers=yes', 'LockPersonality=yes', 'RestrictSUIDSGID=yes', 'ProtectProc=invisible'])
      assert.match(read(line).said, /is not supported .*Image= of \[X-Flotilla\] does not have it either/, line);
  });

  it('cannot put something in the place of its image, and hears of every wrong path', () => {
    assert.match(
      read('BindPaths=/a:/\nInaccessiblePaths=/\nTemporaryFileSystem=/').said,
      /^BindPaths.* root of .*\nInaccessiblePaths.* root of .*\nTemporaryFileSystem.* root of /,
    );
    assert.match(read('TemporaryFileSystem=/a:frob,size=5').said, /docker has no tmpfs with frob/);
  });
});
