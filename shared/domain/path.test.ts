import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { interpretUnit } from './interpretUnit.ts';
import { parseUnitFile } from './unitFile.ts';
import { parseUnitName } from './unitName.ts';

function read(name: string, text: string) {
  const unit = parseUnitName(name).value;
  assert.ok(unit);
  const { spec, problems } = interpretUnit(unit, parseUnitFile(text).file);
  return { spec, problems: problems.map(({ line, message }) => `${line ?? '-'}: ${message}`) };
}

describe('[Path]', () => {
  it('is read with specifiers, and with systemd’s limit', () => {
    const { spec, problems } = read(
      'job@db.path',
      '[Path]\nPathExists=/srv//%i/\nPathChanged=/etc/x\nUnit=dump@%i.service\n',
    );
    assert.deepEqual(problems, []);
    assert.deepEqual(spec?.path, {
      triggers: [
        { kind: 'PathExists', path: '/srv/db' },
        { kind: 'PathChanged', path: '/etc/x' },
      ],
      unit: 'dump@db.service',
      makeDirectory: false,
      directoryMode: 0o755,
      limit: { intervalMs: 2_000, burst: 200 },
    });
    assert.equal(spec.placement.machineOf, 'dump@db.service');
  });

  it('says everything that is wrong at once, with its line', () => {
    const { spec, problems } = read(
      'a.path',
      '[Unit]\nConditionPathExists=x\n[Path]\nPathExists=here\nDirectoryMode=9\nUnit=a.slice\n',
    );
    assert.equal(spec, null);
    for (const pattern of [
      /^-: nothing is watched/,
      /^2: ConditionPathExists=x is no absolute path/,
      /^4: .* no absolute path/,
      /^5: .* octal/,
      /^6: .* is a slice unit/,
    ]) {
      assert.ok(
        problems.some((problem) => pattern.test(problem)),
        `${pattern}: ${problems.join('\n')}`,
      );
    }
  });
});

describe('a target', () => {
  it('has nothing to run, remains, and is ordered after what it pulls in', () => {
    const { spec, problems } = read('app.target', '[Unit]\nWants=a.service b.service\n');
    assert.deepEqual(problems, []);
    assert.equal(spec?.service?.type, 'oneshot');
    assert.equal(spec.service.remainAfterExit, true);
    assert.deepEqual(spec.placement.runtimes, []);
    assert.deepEqual(spec.dependencies, { Wants: ['a.service', 'b.service'], After: ['a.service', 'b.service'] });
  });

  it('has no section of its own', () => {
    const { problems } = read('app.target', '[Unit]\nWants=a.service\n[Service]\nExecStart=/bin/true\n');
    assert.match(problems.join(), /there is no section \[Service\]: a target has \[Unit\] \[Install\]/);
  });
});
