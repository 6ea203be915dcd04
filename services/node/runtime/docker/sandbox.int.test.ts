/** Whether a real engine keeps a container from what its unit forbids. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { systemClock } from '../../../../shared/clock/systemClock.ts';
import { interpretUnit } from '../../../../shared/domain/interpretUnit.ts';
import { parseUnitFile } from '../../../../shared/domain/unitFile.ts';
import { parseUnitName } from '../../../../shared/domain/unitName.ts';
import { dockerSkip, ensureImage } from '../../../../test/support/docker.ts';
import { createDockerRuntime } from '../docker.ts';

const skip = await dockerSkip();
if (!skip) await ensureImage('busybox');

/** What a script prints in a container of a unit with these directives. */
async function outputOf(directives: string[], script: string): Promise<string[]> {
  const name = parseUnitName('sandboxed.service').value;
  assert.ok(name);
  const text = `[Service]\nExecStart=/bin/sh -c '${script}'\n${directives.join('\n')}\n[X-Flotilla]\nImage=flotilla/busybox\n`;
  const { spec, problems } = interpretUnit(name, parseUnitFile(text).file);
  assert.deepEqual(problems, []);
  const [command] = spec?.service?.execStart ?? [];
  assert.ok(spec?.service && command);
  const runtime = createDockerRuntime({ machine: randomBytes(16).toString('hex'), clock: systemClock });
  try {
    const request = { unit: name.name, hash: 'h', token: 1, command, service: spec.service, environment: {} };
    const main = await runtime.start(request);
    assert.deepEqual(await main.exited, { kind: 'exited', code: 0 });
    const lines: string[] = [];
    const { signal } = new AbortController();
    for await (const line of runtime.journal(name.name, { lines: 100, follow: false, signal })) lines.push(line);
    return lines;
  } finally {
    await runtime.remove(name.name);
    runtime.close();
  }
}

/** Prints the path if it can be written to, and `!` with it if not. */
const attempt = (...paths: string[]) =>
  `for p in ${paths.join(' ')}; do if (echo > $p) 2> /dev/null; then echo $p; else echo !$p; fi; done`;

describe('a container of a sandboxed unit', { skip, timeout: 60_000 }, () => {
  it('has the capabilities that are left to it, no network, and no way to write but where it may', async () => {
    const machine = await mkdtemp(join(tmpdir(), 'flotilla-sandbox-'));
    try {
      await writeFile(join(machine, 'file'), 'of the machine');
      const lines = await outputOf(
        [
          'CapabilityBoundingSet=CAP_CHOWN CAP_SYS_ADMIN',
          'PrivateNetwork=yes',
          'PrivateTmp=yes',
          'PrivateIPC=yes',
          'PrivateDevices=yes',
          'ProtectSystem=strict',
          'ProtectHome=yes',
          'ProtectKernelTunables=yes',
          'ProtectControlGroups=yes',
          'ProtectHostname=yes',
          'ReadWritePaths=/bin',
          `BindReadOnlyPaths=${machine}:/given -/no/such/source`,
          'TemporaryFileSystem=/scratch:size=1M /closed:ro',
        ],
        [
          'sed -n s/^CapEff:.//p /proc/self/status',
          'ls /sys/class/net | tr "\\\\n" ,; echo',
          'ls /bin/sh; ls -A /root; cat /given/file; echo',
          'hostname x 2> /dev/null || echo the name stays',
          attempt('/x', '/etc/hosts', '/given/x', '/closed/x', '/proc/sys/kernel/hostname', '/sys/fs/cgroup/x'),
          attempt('/tmp/x', '/var/tmp/x', '/scratch/x', '/bin/x'),
        ].join('; '),
      );
      assert.equal(lines.shift(), '0000000000000001');
      assert.match(lines.shift() ?? '', /^lo,|^(\w+,)*lo,/);
      assert.deepEqual(lines, [
        ...['/bin/sh', 'of the machine', 'the name stays'],
        ...['!/x', '!/etc/hosts', '!/given/x', '!/closed/x', '!/proc/sys/kernel/hostname', '!/sys/fs/cgroup/x'],
        ...['/tmp/x', '/var/tmp/x', '/scratch/x', '/bin/x'],
      ]);
    } finally {
      await rm(machine, { recursive: true });
    }
  });

  it('has the device that DeviceAllow= names, for what that says, and no other', async () => {
    const [device, other] = ['/dev/kmsg', '/dev/fuse', '/dev/net/tun'].filter(existsSync);
    assert.ok(device && other, 'this machine lacks the devices to try it with');
    const look = `for d in ${device} ${other}; do test -c $d && echo $d; done; echo > ${device} || echo read only`;
    assert.deepEqual(await outputOf([`DeviceAllow=${device} r`], `(${look}) 2> /dev/null`), [device, 'read only']);
  });

  it('writes below a read-only directory where it may, and sees nothing of an inaccessible one', async () => {
    const lines = await outputOf(
      ['ReadOnlyPaths=/etc -/none', 'ReadWritePaths=/etc/network', 'InaccessiblePaths=/var'],
      `${attempt('/etc/x', '/etc/resolv.conf', '/etc/network/x', '/root/x', '/var/x')}; ls -A /var`,
    );
    assert.deepEqual(lines, ['!/etc/x', '!/etc/resolv.conf', '/etc/network/x', '/root/x', '!/var/x']);
  });
});
