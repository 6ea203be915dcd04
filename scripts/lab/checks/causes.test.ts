import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endedWithoutCause, falseAlarms } from './causes.ts';

const cut = { name: 'cut', what: 'm1', machines: ['m1'], leases: false, from: 10_000, to: 20_000 };
const outage = { name: 'no NATS', what: 'n1 n2', machines: [], leases: true, from: 50_000, to: 60_000 };
const causes = {
  faults: [cut, outage],
  commands: [{ unit: 'stopped', from: 100_000, to: 101_000 }],
  isAlone: (unit: string) => unit === 'alone',
};
const ended = (unit: string, machine: string, at: number) => ({ unit, machine, at });

test('what ends on a machine that is struck has a cause, what ends beside it has none', () => {
  const beside = [ended('keep', 'm2', 15_000), ended('keep', 'm1', 21_000), ended('alone', 'm2', 15_000)];
  assert.deepEqual(endedWithoutCause([ended('keep', 'm1', 15_000), ...beside], causes), beside);
});

test('without a leader only a unit that must not run alone may be stopped', () => {
  const keep = ended('keep', 'm2', 55_000);
  assert.deepEqual(endedWithoutCause([keep, ended('alone', 'm2', 55_000)], causes), [keep]);
});

test('a command is a cause for its own unit', () => {
  const other = ended('other', 'm2', 100_500);
  assert.deepEqual(endedWithoutCause([ended('stopped', 'm2', 100_500), other], causes), [other]);
});

test('a machine is lost without cause when nothing struck it at that time', () => {
  const lost = (machine: string, at: number) => ({ machine, at, reason: 'no heartbeat' });
  const wrong = [lost('m2', 15_000), lost('m1', 55_000)];
  assert.deepEqual(falseAlarms([lost('m1', 12_000), ...wrong], causes.faults), wrong);
});
