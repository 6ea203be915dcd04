import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ResourceControl } from '../../../shared/domain/resourceControl.ts';
import { controlSettings } from './controlSettings.ts';

const whole = { memoryBytes: 1_000_000, tasks: 32_768 };

/** `file=value` each. */
function filesOf(control: ResourceControl, version: 1 | 2): string[] {
  return controlSettings(control, version, whole).settings.map(({ files, value }) => `${files.join('|')}=${value}`);
}

const control: ResourceControl = {
  memoryMax: { bytes: 4096 },
  memoryHigh: { fraction: 0.5 },
  memoryLow: { bytes: 0 },
  memorySwapMax: { bytes: 1024 },
  oomGroup: true,
  cpuQuota: 1.5,
  cpuWeight: 200,
  ioWeight: 100,
  tasksMax: { fraction: 0.1 },
  allowedCpus: [0, 1, 2, 5],
};

describe('resource control in files', () => {
  it('of version 2', () => {
    assert.deepEqual(filesOf(control, 2), [
      'memory.low=0',
      'memory.high=500000',
      'memory.max=4096',
      'memory.swap.max=1024',
      'memory.oom.group=1',
      'cpu.max=150000 100000',
      'cpu.weight=200',
      'pids.max=3276',
      'cpuset.cpus=0-2,5',
      'io.weight|io.bfq.weight=default 100',
    ]);
  });

  it('of version 1, which cannot do everything', () => {
    assert.deepEqual(filesOf(control, 1), [
      'memory.limit_in_bytes=4096',
      'memory.memsw.limit_in_bytes=5120',
      'cpu.cfs_period_us=100000',
      'cpu.cfs_quota_us=150000',
      'cpu.shares=2048',
      'pids.max=3276',
      'cpuset.cpus=0-2,5',
      'blkio.weight|blkio.bfq.weight=500',
    ]);
    assert.deepEqual(controlSettings(control, 1, whole).missing, ['MemoryHigh', 'MemoryLow']);
  });

  it('limits nothing where it says infinity, or nothing at all', () => {
    for (const version of [1, 2] as const) assert.deepEqual(filesOf({}, version), []);
    assert.deepEqual(filesOf({ memoryMax: 'infinity', tasksMax: 'infinity' }, 1), []);
    assert.deepEqual(filesOf({ memoryMax: 'infinity', tasksMax: 'infinity' }, 2), ['memory.max=max']);
  });

  it('gives the kernel a millisecond of time at the least', () => {
    assert.deepEqual(filesOf({ cpuQuota: 0.01, cpuPeriodUs: 10_000 }, 2), ['cpu.max=1000 10000']);
  });
});
