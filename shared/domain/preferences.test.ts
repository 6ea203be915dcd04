import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { interpretUnit } from './interpretUnit.ts';
import { parseUnitFile } from './unitFile.ts';
import { parseUnitName } from './unitName.ts';

function read(lines: string[], name = 'web@1.service') {
  const unit = parseUnitName(name).value;
  assert.ok(unit);
  const text = ['[Service]', 'ExecStart=/bin/true', '[X-Flotilla]', ...lines, ''].join('\n');
  const { spec, problems } = interpretUnit(unit, parseUnitFile(text).file);
  return {
    preferences: spec?.placement.preferences,
    problems: problems.map(({ line, message }) => `${line}: ${message}`),
  };
}

describe('what a unit prefers', () => {
  test('is read from Priority=, Spread= and Affinity=', () => {
    const { preferences, problems } = read([
      'Priority=10',
      'Spread=zone rack',
      'Affinity=disk=ssd 50',
      'Affinity=spot=yes -3',
      'Affinity=gpu=%i',
    ]);
    assert.deepEqual(problems, []);
    const affinities = [
      { key: 'disk', value: 'ssd', weight: 50 },
      { key: 'spot', value: 'yes', weight: -3 },
      { key: 'gpu', value: '1', weight: 1 },
    ];
    assert.deepEqual(preferences, { priority: 10, spread: ['zone', 'rack'], affinities });
  });

  test('is nothing where nothing is said, and an empty assignment takes back what was said before', () => {
    assert.equal(read([]).preferences, undefined);
    assert.equal(
      read(['Spread=zone', 'Spread=', 'Affinity=a=b', 'Affinity=', 'Priority=5', 'Priority=']).preferences,
      undefined,
    );
  });

  test('is refused with its line where it cannot be read', () => {
    assert.deepEqual(read(['Priority=urgent', 'Spread=zone=a', 'Affinity=ssd', 'Affinity=a=b 101']).problems, [
      '4: Priority=urgent is no whole number from -1000 to 1000',
      '5: Spread=zone=a takes a key alone, such as zone',
      '6: Affinity=ssd takes a pair of metadata and a weight, such as disk=ssd 50',
      '7: Affinity=a=b 101: "101" is no whole number from -100 to 100',
    ]);
  });

  test('to spread a unit that is no instance has no effect, and that is said', () => {
    assert.match(
      read(['Spread=zone'], 'web.service').problems[0] ?? '',
      /^4: Spread=zone has no effect on web.service/,
    );
  });
});
