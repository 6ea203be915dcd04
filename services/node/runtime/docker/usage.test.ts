import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readUsage } from './usage.ts';

describe('what an engine tells of a container’s usage', () => {
  const top = { Titles: ['UID', 'PID', 'CMD'], Processes: [['root', '71', 'sleep 5']] };

  it('is read of either version of control groups, without the cache that could be dropped', () => {
    const cpu_stats = { cpu_usage: { total_usage: 12_000_000 } };
    const pids_stats = { current: 3 };
    for (const name of ['total_inactive_file', 'inactive_file']) {
      const memory_stats = { usage: 1000, stats: { [name]: 400 } };
      assert.deepEqual(readUsage({ memory_stats, cpu_stats, pids_stats }, top), {
        memoryBytes: 600,
        cpuMs: 12,
        tasks: 3,
        processes: [{ pid: 71, command: 'sleep 5' }],
      });
    }
  });

  it('leaves out what the engine does not know', () => {
    assert.deepEqual(readUsage({ memory_stats: {}, cpu_stats: {} }, {}), { processes: [] });
  });
});
