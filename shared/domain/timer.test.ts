import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { interpretUnit } from './interpretUnit.ts';
import { parseUnitFile } from './unitFile.ts';
import { parseUnitName } from './unitName.ts';

function read(text: string, name = 'backup.timer') {
  const unit = parseUnitName(name).value;
  assert.ok(unit);
  const { spec, problems } = interpretUnit(unit, parseUnitFile(text).file);
  return { spec, problems: problems.map(({ line, message }) => `${line ?? '-'}: ${message}`) };
}

describe('[Timer]', () => {
  it('starts the service of its name, and is where that is', () => {
    const { spec, problems } = read('[Timer]\nOnCalendar=daily\n');
    assert.deepEqual(problems, []);
    assert.equal(spec?.timer?.unit, 'backup.service');
    assert.equal(spec?.placement.machineOf, 'backup.service');
    assert.equal(spec?.placement.activates, 'backup.service');
  });

  it('starts units of all types that the cluster runs, but not itself, and not two', () => {
    for (const type of ['service', 'target', 'socket', 'path', 'timer']) {
      const { spec } = read(`[Timer]\nOnBootSec=5min\nUnit=other.${type}\n`, 'job.timer');
      assert.equal(spec?.placement.activates, `other.${type}`);
    }
    const wrong = (text: string) => read(`[Timer]\nOnBootSec=5min\n${text}\n`, 'job.timer').problems.join();
    assert.match(wrong('Unit=job.timer'), /is the unit itself/);
    assert.match(wrong('Unit=a.service\nUnit=b.service'), /Unit=b.service names a second unit/);
  });

  it('starts another one where Unit= names it, with the specifiers of its name', () => {
    const { spec } = read('[Timer]\nOnBootSec=5min\nUnit=dump@%i.service\n', 'nightly@db.timer');
    assert.equal(spec?.timer?.unit, 'dump@db.service');
  });

  it('keeps every trigger in order, until an empty assignment of any of them forgets those before', () => {
    const { spec } = read(
      '[Timer]\nOnCalendar=daily\nOnBootSec=1min\nOnActiveSec=\nOnUnitActiveSec=1h\nOnStartupSec=2\n',
    );
    assert.deepEqual(spec?.timer?.triggers, [
      { kind: 'unitActive', afterMs: 3_600_000 },
      { kind: 'boot', afterMs: 2_000 },
    ]);
  });

  it('says everything that is wrong at once, with its line', () => {
    const { spec, problems } = read(
      '[Timer]\nOnCalendar=Mon 25:00\nOnBootSec=infinity\nUnit=a.mount\nPersistent=maybe\nOnClockChange=yes\n[X-Fleet]\nMachineMetadata=disk=ssd\n[Service]\nExecStart=/bin/true\n',
    );
    assert.equal(spec, null);
    const expected = [
      /^-: the timer never elapses/,
      /^2: OnCalendar=Mon 25:00 is no calendar event: an? hour is a number from 0 to 23 \(character 5\)$/,
      /^3: OnBootSec=infinity must be finite/,
      /^4: Unit=a.mount is a mount unit, which is the machine’s own/,
      /^5: Persistent=maybe is neither yes nor no/,
      /^6: OnClockChange=yes is not supported/,
      /^8: MachineMetadata=disk=ssd cannot stand here: the unit is where a.mount is/,
      /^9: there is no section \[Service\]: a timer has \[Unit\] \[Timer\]/,
    ];
    assert.equal(problems.length, expected.length, problems.join('\n'));
    for (const [index, pattern] of expected.entries()) assert.match(problems[index] ?? '', pattern);
  });

  it('is global only by its own word', () => {
    const { spec } = read('[Timer]\nOnCalendar=daily\n[X-Fleet]\nGlobal=yes\n');
    assert.equal(spec?.placement.global, true);
    assert.equal(spec?.placement.machineOf, undefined);
  });
});
