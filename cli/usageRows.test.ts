import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { interpretUnit } from '../shared/domain/interpretUnit.ts';
import { parseUnitFile } from '../shared/domain/unitFile.ts';
import { parseUnitName } from '../shared/domain/unitName.ts';
import { formatBytes, formatCpu, limitsOf, usageRows } from './usageRows.ts';

function limitsIn(lines: string) {
  const name = parseUnitName('a.service').value;
  assert.ok(name);
  const { spec, problems } = interpretUnit(name, parseUnitFile(`[Service]\n${lines}`).file);
  assert.ok(spec, JSON.stringify(problems));
  return limitsOf(spec);
}

describe('what a unit uses', () => {
  it('is shown as systemctl status shows it', () => {
    const processes = [
      { pid: 7, command: '/bin/sh -c x' },
      { pid: 9, command: 'sleep 5' },
    ];
    assert.deepEqual(usageRows({ tasks: 2, memoryBytes: 1_572_864, cpuMs: 12.4, processes }), [
      ['Tasks', '2'],
      ['Memory', '1.5M'],
      ['CPU', '12ms'],
      ['Processes', '├─7 /bin/sh -c x'],
      ['', '└─9 sleep 5'],
    ]);
    assert.deepEqual(usageRows({ processes: [] }), []);
  });

  it('stands beside what it may use at most', () => {
    const usage = { tasks: 2, memoryBytes: 1024, processes: [{ pid: 7, command: 'x' }], group: '/own/a.service' };
    const limits = limitsIn('ExecStart=/bin/x\nTasksMax=20\nMemoryHigh=80M\nMemoryMax=100M\nMemorySwapMax=5%\n');
    assert.deepEqual(usageRows(usage, limits), [
      ['Tasks', '2 (limit: 20)'],
      ['Memory', '1.0K (high: 80.0M max: 100.0M swap max: 5%)'],
      ['CGroup', '/own/a.service'],
      ['', '└─7 x'],
    ]);
    const shares = limitsIn('ExecStart=/bin/x\nTasksMax=10%\nMemoryHigh=50%\nMemoryMax=infinity\n');
    assert.deepEqual(usageRows(usage, shares).slice(0, 2), [
      ['Tasks', '2 (limit: 10%)'],
      ['Memory', '1.0K (high: 50% max: infinity)'],
    ]);
    assert.deepEqual(usageRows(usage, shares, { memoryBytes: 2 ** 31, tasks: 1_000 }).slice(0, 2), [
      ['Tasks', '2 (limit: 100)'],
      ['Memory', '1.0K (high: 1.0G max: infinity)'],
    ]);
    const ofLine = limitsIn('ExecStart=/usr/bin/docker run -m 64m redis\nTasksMax=infinity\n');
    assert.deepEqual(usageRows({ tasks: 2, memoryBytes: 1024, processes: [] }, ofLine), [
      ['Tasks', '2'],
      ['Memory', '1.0K (max: 64.0M)'],
    ]);
  });

  it('has sizes and times that fit', () => {
    assert.deepEqual([0, 1023, 1024, 1_048_575, 1024 ** 3].map(formatBytes), [
      '0B',
      '1023B',
      '1.0K',
      '1023.9K',
      '1.0G',
    ]);
    assert.deepEqual([3.6, 3_250, 125_000, 3_725_000].map(formatCpu), ['4ms', '3.250s', '2min 5s', '1h 2min 5s']);
  });

  it('names no more processes than one can read', () => {
    const processes = Array.from({ length: 30 }, (_, pid) => ({ pid, command: 'x' }));
    assert.equal(usageRows({ processes }).at(-1)?.[1], '└─… and 10 more');
  });
});
