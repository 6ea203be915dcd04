import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatProblem } from './problem.ts';

test('what a unit file says cannot do anything to a terminal', () => {
  const problem = { severity: 'error', line: 2, message: 'unknown key \u001b[2Ja\u009b\u0007' } as const;
  assert.equal(formatProblem('a\u001b.service', problem), 'a?.service:2: error: unknown key ?[2Ja??');
});
