import assert from 'node:assert/strict';
import { test } from 'node:test';
import { columnsOf } from '../fields.ts';
import { renderTable } from '../table.ts';
import { timerFields } from './listTimers.ts';

test('timers are listed with what they start, when they elapse and when they did', () => {
  const now = Date.parse('2026-11-26T02:00:00Z');
  const state = { load: 'loaded', active: 'active', sub: 'waiting', hash: 'h', result: 'success', reason: '' } as const;
  const row = { ...state, machine: '113f16a7c0ffee', ip: '10.0.0.2' };
  const lines = renderTable(
    [
      {
        ...row,
        unit: 'backup.timer',
        activates: 'dump.service',
        timer: { next: now + 90 * 60_000, last: now - 86_400_000 },
      },
      { ...row, unit: 'once.timer', activates: 'once.service', timer: {} },
    ],
    columnsOf(timerFields(now, false)),
    { columns: null, legend: true },
  );
  assert.deepEqual(
    lines.map((line) => line.split(/ {2,}/)),
    [
      ['NEXT', 'LEFT', 'LAST', 'PASSED', 'UNIT', 'ACTIVATES', 'MACHINE'],
      [
        '2026-11-26 03:30:00 UTC',
        '1h 30min left',
        '2026-11-25 02:00:00 UTC',
        '1d ago',
        'backup.timer',
        'dump.service',
        '113f16a7…/10.0.0.2',
      ],
      ['-', '-', '-', '-', 'once.timer', 'once.service', '113f16a7…/10.0.0.2'],
    ],
  );
});
