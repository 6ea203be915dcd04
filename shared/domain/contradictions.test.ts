import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fold } from '../../test/support/deciderSpec.ts';
import { stateOf, withFullNames } from '../../test/support/dependentUnits.ts';
import { submission, submitted } from '../../test/support/samples.ts';
import { refuseContradictions } from './contradictions.ts';
import type { Dependencies } from './dependencies.ts';
import type { Placement } from './unitSpec.ts';

type Stated = Dependencies & { where?: Partial<Placement> };

/** What is said of these units when they are submitted together. */
function said(units: Record<string, Stated>, known = {}): string[] {
  const refs = Object.entries(units).map(([name, { where = {}, ...stated }]) => {
    const file = submission(`${name}.service`, where, { dependencies: withFullNames(stated) });
    return { name: file.name, submission: file };
  });
  const refusal = refuseContradictions(stateOf(known), refs);
  return refusal === null ? [] : [refusal.message, ...refusal.details];
}

const m = (machineId: string) => ({ where: { machineId } });
const zone = (...values: string[]) => ({ where: { metadata: [{ key: 'zone', values }] } });

describe('units that wait for each other in a circle', () => {
  test('are refused with the whole way, and who says what', () => {
    assert.deepEqual(said({ a: { After: ['b'] }, b: { After: ['c'] }, c: {}, d: { Before: ['c'], After: ['a'] } }), [
      'units wait for each other in a circle: a.service → b.service → c.service → d.service → a.service',
      'a.service says After=b.service',
      'b.service says After=c.service',
      'd.service says Before=c.service',
      'd.service says After=a.service',
    ]);
  });

  test('are found too when all but one are known already', () => {
    assert.match(said({ b: { After: ['a'] } }, { a: { After: ['b'] } }).join(), /b\.service → a\.service → b\.service/);
    assert.deepEqual(said({ b: { After: ['a'] } }, { a: { After: ['c'] } }), []);
  });

  test('are none where a target comes after what it pulls in by default, and that says the contrary', () => {
    const refs = [
      {
        name: 'site.target',
        submission: submission('site.target', {}, { dependencies: { Wants: ['a.service'], After: ['a.service'] } }),
      },
      { name: 'a.service', submission: submission('a.service', {}, { dependencies: { After: ['site.target'] } }) },
    ];
    assert.equal(refuseContradictions(stateOf({}), refs), null);
  });

  test('are only those that are ordered: units may require each other', () => {
    assert.deepEqual(said({ a: { Requires: ['b'], After: ['b'] }, b: { BindsTo: ['a'] } }), []);
  });
});

describe('units that follow each other in a circle of MachineOf=', () => {
  const follows = (name: string) => ({ where: { machineOf: `${name}.service` } });

  test('are refused with the whole way, together or when the last one comes', () => {
    const words = [
      'units follow each other in a circle: a.service → b.service → c.service → a.service',
      'a.service says MachineOf=b.service',
      'b.service says MachineOf=c.service',
      'c.service says MachineOf=a.service',
    ];
    const all = { a: follows('b'), b: follows('c'), c: follows('a') };
    assert.deepEqual(said(all), words);
    const last = submission('a.service', all.a.where);
    const known = [submission('b.service', all.b.where), submission('c.service', all.c.where)];
    const refusal = refuseContradictions(fold(known.map(submitted)), [{ name: last.name, submission: last }]);
    assert.deepEqual([refusal?.message, ...(refusal?.details ?? [])], words);
  });

  test('are none where the last one goes by itself', () => {
    assert.deepEqual(said({ a: follows('b'), b: follows('c'), c: {} }), []);
  });
});

describe('units that need each other are refused', () => {
  const cases: [title: string, units: Record<string, Stated>, says: RegExp][] = [
    ['where they conflict', { a: { Requires: ['b'], Conflicts: ['b'] }, b: {} }, /a\.service and b\.service conflict/],
    [
      'where one keeps away from the other',
      { a: { Requires: ['b'] }, b: { where: { conflicts: ['a*'] } } },
      /b\.service says Conflicts=a\*/,
    ],
    [
      'where one replaces the other',
      { a: { BindsTo: ['b'], where: { replaces: ['b*'] } }, b: {} },
      /a\.service says Replaces=b\*/,
    ],
    [
      'on different machines',
      { a: { Requires: ['b'], ...m('m1') }, b: m('m2') },
      /MachineID=m1, and b\.service MachineID=m2/,
    ],
    [
      'on different kinds of machines',
      { a: { Requires: ['b'], ...zone('x') }, b: zone('y', 'z') },
      /zone=x, and b\.service with zone=y or z/,
    ],
    [
      'where only one is global',
      { a: { Requires: ['b'], where: { global: true } }, b: {} },
      /a\.service runs on every machine/,
    ],
    [
      'through a third one',
      { a: { Requires: ['b', 'c'] }, b: m('m1'), c: m('m2') },
      /a\.service needs b\.service and c\.service/,
    ],
    [
      'through a chain',
      { a: { Requires: ['b'], ...m('m1') }, b: { Requires: ['c'] }, c: m('m2') },
      /a\.service needs c\.service/,
    ],
  ];
  for (const [title, units, says] of cases) test(title, () => assert.match(said(units).join('\n'), says));

  test('but not for what can hold together', () => {
    assert.deepEqual(said({ a: { Requires: ['b'], ...zone('x', 'y') }, b: zone('y') }), []);
    assert.deepEqual(said({ a: { Requires: ['b'] }, b: { where: { global: true } } }), []);
    assert.deepEqual(said({ a: { Wants: ['b'], Conflicts: ['b'] }, b: {} }), []);
  });
});
