/** Conditions on machines other than the one that the tests run on: files as their kernels show them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lookAtMachine, type MachineFiles, type MachineKind, parseMachineValue } from './machineConditions.ts';

/** A machine that has only these files. */
function machineWith(files: Record<string, string>, virtualization: string | null = 'none'): MachineFiles {
  return {
    text: async (path) => files[path] ?? null,
    entries: async (directory) => {
      const below = Object.keys(files).filter((path) => path.startsWith(`${directory}/`));
      return below.length === 0
        ? null
        : [...new Set(below.map((path) => path.slice(directory.length + 1).split('/', 1)[0] ?? ''))];
    },
    virtualization: async () =>
      virtualization === null ? null : { id: virtualization, isContainer: virtualization === 'docker' },
  };
}

/** Which of the values hold; `?`: it cannot be told. */
async function holding(kind: MachineKind, values: string[], machine: MachineFiles): Promise<string[]> {
  const held: string[] = [];
  for (const value of values) {
    const parsed = parseMachineValue(kind, value);
    assert.ok('value' in parsed, `${kind}=${value}`);
    const outcome = await lookAtMachine(kind, parsed.value, machine);
    if (outcome !== false) held.push(outcome === null ? `?${value}` : value);
  }
  return held;
}

describe('conditions on what a machine is and has', () => {
  it('tell machines, virtual machines and containers apart', async () => {
    const values = ['yes', 'no', 'vm', 'container', 'kvm', 'docker'];
    assert.deepEqual(await holding('Virtualization', values, machineWith({})), ['no']);
    assert.deepEqual(await holding('Virtualization', values, machineWith({}, 'kvm')), ['yes', 'vm', 'kvm']);
    const inContainer = ['yes', 'container', 'docker'];
    assert.deepEqual(await holding('Virtualization', values, machineWith({}, 'docker')), inContainer);
    assert.deepEqual(await holding('Virtualization', ['no'], machineWith({}, null)), ['?no']);
    for (const [map, isPrivate] of [
      ['         0          0 4294967295\n', false],
      ['         0     100000      65536\n', true],
    ] as const) {
      const machine = machineWith({ '/proc/self/uid_map': map });
      assert.deepEqual(await holding('Virtualization', ['private-users'], machine), isPrivate ? ['private-users'] : []);
    }
  });

  it('know the controllers of either version of control groups', async () => {
    const values = ['v1', 'v2', 'cpu', 'cpuset', 'io', 'blkio', 'memory pids', 'memory blkio'];
    const two = machineWith({ '/sys/fs/cgroup/cgroup.controllers': 'cpuset cpu io memory hugetlb pids rdma misc\n' });
    assert.deepEqual(await holding('ControlGroupController', values, two), [
      'v2',
      'cpu',
      'cpuset',
      'io',
      'memory pids',
    ]);
    const one = machineWith({ '/sys/fs/cgroup/cpu/tasks': '', '/sys/fs/cgroup/blkio/tasks': '' });
    assert.deepEqual(await holding('ControlGroupController', values, one), ['v1', 'cpu', 'blkio']);
  });

  it('hold while pressure is at most so much', async () => {
    const machine = machineWith({
      '/proc/pressure/memory':
        'some avg10=90.00 avg60=80.00 avg300=70.00 total=1\nfull avg10=30.00 avg60=20.00 avg300=10.50 total=1\n',
      '/proc/pressure/cpu':
        'some avg10=3.00 avg60=2.00 avg300=1.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n',
    });
    const memory = ['10.5%', '10.49%', '20%/1min', '19%/1min', '30%/10sec', '29%/10sec', '10.5%/5min'];
    const held = ['10.5%', '20%/1min', '30%/10sec', '10.5%/5min'];
    assert.deepEqual(await holding('MemoryPressure', memory, machine), held);
    assert.deepEqual(await holding('CPUPressure', ['0%', '1%', '2%/10sec', '3%/10sec'], machine), ['1%', '3%/10sec']);
    assert.deepEqual(await holding('IOPressure', ['0%'], machine), ['0%'], 'a kernel that does not measure it');
  });

  it('know batteries from mains, and what machines have beside them', async () => {
    const supplies = (mains: string, scope: string) => {
      const root = '/sys/class/power_supply';
      const files = { [`${root}/AC/type`]: 'Mains\n', [`${root}/AC/online`]: mains, [`${root}/B/type`]: 'Battery\n' };
      return machineWith({ ...files, ...(scope === '' ? {} : { [`${root}/B/scope`]: scope }) });
    };
    assert.deepEqual(await holding('ACPower', ['yes', 'no'], machineWith({})), ['yes']);
    assert.deepEqual(await holding('ACPower', ['yes', 'no'], supplies('1\n', '')), ['yes']);
    assert.deepEqual(await holding('ACPower', ['yes', 'no'], supplies('0\n', '')), ['no']);
    assert.deepEqual(
      await holding('ACPower', ['yes', 'no'], supplies('0\n', 'Device\n')),
      ['yes'],
      'a mouse’s battery',
    );
  });

  it('know what secures the machine', async () => {
    const boot = '/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c';
    const values = ['selinux', 'apparmor', 'ima', 'uefi-secureboot', 'tpm2'];
    const secured = machineWith({
      '/sys/module/apparmor/parameters/enabled': 'Y\n',
      '/sys/kernel/security/ima/runtime_measurements_count': '1\n',
      [boot]: '\x06\0\0\0\x01',
      '/sys/class/tpmrm/tpmrm0/dev': '',
    });
    assert.deepEqual(await holding('Security', values, secured), ['apparmor', 'ima', 'uefi-secureboot', 'tpm2']);
    const off = machineWith({ '/sys/module/apparmor/parameters/enabled': 'N\n', [boot]: '\x06\0\0\0\0' });
    assert.deepEqual(await holding('Security', values, off), []);
  });

  it('know which capabilities and processor features there are', async () => {
    const machine = machineWith({
      '/proc/self/status': 'CapEff:\t0000000000000000\nCapBnd:\t00000000a80425fb\n',
      '/proc/cpuinfo': 'processor\t: 0\nflags\t\t: fpu pclmulqdq nonstop_tsc\n\nprocessor\t: 1\nflags\t\t: fpu avx\n',
    });
    const capabilities = ['CAP_CHOWN', 'cap_sys_admin', 'CAP_SETFCAP', 'CAP_BPF'];
    assert.deepEqual(await holding('Capability', capabilities, machine), ['CAP_CHOWN', 'CAP_SETFCAP']);
    const features = ['fpu', 'PCLMUL', 'constant_tsc', 'avx'];
    assert.deepEqual(await holding('CPUFeature', features, machine), ['fpu', 'PCLMUL', 'constant_tsc']);
    const arm = machineWith({ '/proc/cpuinfo': 'processor\t: 0\nFeatures\t: fp asimd aes\n' });
    assert.deepEqual(await holding('CPUFeature', ['aes'], arm), [], 'only x86 has features by these names');
  });

  it('read where the system says what it is, /etc before /usr/lib', async () => {
    const usr = { '/usr/lib/os-release': 'ID=fedora\nVERSION_ID="40"\n' };
    const values = ['ID=fedora', 'VERSION_ID>=39', 'ID=debian', 'ID=fedora VERSION_ID<40'];
    assert.deepEqual(await holding('OSRelease', values, machineWith(usr)), values.slice(0, 2));
    const both = machineWith({ ...usr, '/etc/os-release': "ID='debian'\n" });
    assert.deepEqual(await holding('OSRelease', values, both), ['ID=debian']);
    assert.deepEqual(await holding('OSRelease', ['ID!=x'], machineWith({})), ['?ID!=x']);
  });
});
