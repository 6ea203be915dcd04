/** systemd as the judge of what may be written in [Timer], [Path] and [Socket]. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { interpretUnit } from './interpretUnit.ts';
import { anyCalendar } from './testing/calendarSamples.ts';
import { judge, run } from './testing/systemdJudge.ts';
import { timeSpans } from './testing/unitSamples.ts';
import { parseUnitFile } from './unitFile.ts';
import { parseUnitName } from './unitName.ts';

const isThere = await run('systemd-analyze', ['--version']).then(
  () => true,
  () => false,
);
const skip = isThere || process.env.FLOTILLA_REQUIRE_SYSTEMD === '1' ? false : 'systemd-analyze is not installed';

const truths = fc.constantFrom('yes', 'no', 'On', '0', 'maybe', 'y', 'tru');
const modes = fc.constantFrom('0644', '755', '8', '07777', '17777', '-1', 'x');
const numbers = fc.constantFrom('0', '5', '4294967295', '4294967296', '-1', 'x', '1.5');
const paths = fc.constantFrom('/a', '/a//b/', 'a', './a', '/a/*.x', '/');
/** No units of types that the machine's own systemd has, and no templates: those are refused here alone. */
const targets = fc.constantFrom('a.service', 'a b.service', 'a', 'x@y.service', 'a.target', 'a.socket', 'a.timer', '');
const addresses = fc.constantFrom(
  '80',
  '0',
  '65536',
  '127.0.0.1:80',
  '256.0.0.1:80',
  '127.0.0.1',
  '[::1]:80',
  '[::1]',
  '[zz]:80',
  '/run/x',
  '@x',
  'x',
  `/${'x'.repeat(107)}`,
  `/${'x'.repeat(106)}`,
);
const spans = timeSpans.filter((span) => !/infinity/.test(span));

const sections: Record<string, Record<string, fc.Arbitrary<string>>> = {
  timer: {
    OnCalendar: anyCalendar,
    OnBootSec: spans,
    OnUnitActiveSec: spans,
    AccuracySec: spans,
    RandomizedDelaySec: spans,
    Persistent: truths,
    RemainAfterElapse: truths,
    FixedRandomDelay: truths,
    Unit: targets,
  },
  path: {
    PathExists: paths,
    PathChanged: paths,
    DirectoryNotEmpty: paths,
    MakeDirectory: truths,
    DirectoryMode: modes,
    TriggerLimitIntervalSec: spans,
    TriggerLimitBurst: numbers,
    Unit: targets,
  },
  socket: {
    ListenStream: addresses,
    ListenDatagram: addresses,
    SocketMode: modes,
    DirectoryMode: modes,
    RemoveOnStop: truths,
    Backlog: numbers,
    TriggerLimitIntervalSec: spans,
    TriggerLimitBurst: numbers,
    Service: targets.filter((target) => target !== ''),
  },
};

describe('units that start others, judged by systemd', { skip }, () => {
  it('finds the same values wrong', async (t) => {
    const units: [name: string, text: string][] = [];
    for (const [type, directives] of Object.entries(sections)) {
      const section = `[${type[0]?.toUpperCase()}${type.slice(1)}]`;
      for (const [directive, values] of Object.entries(directives)) {
        for (const value of new Set(fc.sample(values, { seed: 252, numRuns: 25 }))) {
          units.push([`judged${units.length}.${type}`, `${section}\n${directive}=${value}\n`]);
        }
      }
    }
    const verdicts = await judge(Object.fromEntries(units));
    const wrong = units.filter(([name]) => verdicts.get(name)?.complaints.has(2));
    t.diagnostic(`${units.length} assignments, ${wrong.length} of them wrong`);
    assert.ok(wrong.length > 50);
    const judged = new Set(wrong.map(([name]) => name));
    const otherwise = units.filter(([name, text]) => isWrong(name, text) !== judged.has(name));
    assert.deepEqual(
      otherwise.map(([name, text]) => `${text} is wrong ${judged.has(name) ? 'to systemd' : 'here'} only`),
      [],
    );
  });
});

function isWrong(name: string, text: string): boolean {
  const unit = parseUnitName(name).value;
  assert.ok(unit);
  const { problems } = interpretUnit(unit, parseUnitFile(text).file);
  return problems.some(({ line, severity }) => line === 2 && severity === 'error');
}
