/** systemd's own reading of sandboxing directives is the judge of ours: what `systemd-analyze verify` dumps. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { assignCapabilities, capabilityNames, parseCapability } from './capabilities.ts';
import { interpretUnit } from './interpretUnit.ts';
import type { Sandbox } from './sandbox.ts';
import { judge, run, type Verdict } from './testing/systemdJudge.ts';
import { parseUnitFile } from './unitFile.ts';
import { parseUnitName } from './unitName.ts';

const version = await run('systemd-analyze', ['--version']).then(
  ({ stdout }) => Number(/^systemd (\d+)/.exec(stdout)?.[1]),
  () => null,
);
const skip = version === null && process.env.FLOTILLA_REQUIRE_SYSTEMD !== '1' && 'systemd-analyze is not installed';

const words = (one: fc.Arbitrary<string>) => fc.array(one, { maxLength: 3 }).map((list) => list.join(' '));
const path = fc.constantFrom('/a', '/b/', '//c//d', '/e/./f', '"/g h"', '/x/../y', 'rel', '/a');
const listed = fc.tuple(fc.constantFrom('', '', '-', '+', '-+', '+-'), path).map((parts) => parts.join(''));
const plain = path.filter((text) => !text.includes('"'));
const bound = fc
  .tuple(
    fc.constantFrom('', '-'),
    plain,
    fc.constantFrom('', '', ':/t', ':/t/u/', ':rel'),
    fc.constantFrom('', ':norbind'),
  )
  .map(([prefix, source, target, how]) => `${prefix}${source}${target}${target === '' ? '' : how}`);
const temporary = fc.tuple(plain, fc.constantFrom('', ':ro', ':', ':mode=0700,size=5M')).map((parts) => parts.join(''));
const capability = fc.constantFrom('CAP_KILL', 'cap_chown', 'CAP_SYS_ADMIN', 'CAP_NET_ADMIN', '3', '21');
const capabilities = fc.tuple(fc.constantFrom('', '', '~'), words(capability)).map((parts) => parts.join(''));

/** A few assignments to lists, some of which are empty and so begin anew. */
const assignments: fc.Arbitrary<string[]> = fc.array(
  fc
    .oneof(
      fc.tuple(
        fc.constantFrom('ReadOnlyPaths', 'ReadOnlyDirectories', 'ReadWritePaths', 'InaccessiblePaths'),
        words(listed),
      ),
      fc.tuple(fc.constantFrom('BindPaths', 'BindReadOnlyPaths'), words(bound)),
      fc.tuple(fc.constant('TemporaryFileSystem'), words(temporary)),
      fc.tuple(fc.constant('ProtectSystem'), fc.constantFrom('yes', 'no', 'full', 'strict', '1', 'x')),
      fc.tuple(fc.constant('ProtectHome'), fc.constantFrom('yes', 'off', 'read-only', 'tmpfs', 'x')),
      fc.tuple(fc.constantFrom('PrivateTmp', 'ProtectClock', 'ProtectKernelLogs'), fc.constantFrom('yes', 'f', 'x')),
    )
    .map((parts) => parts.join('=')),
  { minLength: 1, maxLength: 4 },
);

const unitOf = (lines: readonly string[]) =>
  `[Service]\nType=simple\nExecStart=/bin/true\n${lines.join('\n')}\n[X-Flotilla]\nImage=busybox\n`;

async function verdictsOf(samples: readonly string[][]): Promise<Verdict[]> {
  const named = Object.fromEntries(samples.map((lines, index) => [`judged${index}.service`, unitOf(lines)]));
  const verdicts = await judge(named);
  return samples.map((_, index) => verdicts.get(`judged${index}.service`) as Verdict);
}

describe('sandboxing, judged by systemd', { skip }, () => {
  it('means what systemd makes of it, and is wrong where it says so', async (t) => {
    const samples = fc.sample(assignments, { seed: 252, numRuns: 200 });
    const count = { meant: 0, wrong: 0 };
    for (const [index, verdict] of (await verdictsOf(samples)).entries()) {
      const lines = samples[index] ?? [];
      const { sandbox, wrong } = read(unitOf(lines));
      const said = [...verdict.complaints].filter((line) => line > 3 && line <= 3 + lines.length).sort();
      // What a later assignment takes back is read by systemd alone.
      const names = new Set(lines.map((line) => line.split('=', 1)[0]));
      const isTakenBack = names.size < lines.length || lines.some((line) => line.endsWith('='));
      const counting = isTakenBack ? said.filter((line) => wrong.includes(line)) : said;
      assert.deepEqual(wrong, counting, lines.join('\n'));
      if (said.length > 0) count.wrong += 1;
      else {
        count.meant += 1;
        compare(sandbox, verdict, lines.join('\n'));
      }
    }
    assert.ok(count.meant > 50 && count.wrong > 50);
    t.diagnostic(`${count.meant} units mean the same, ${count.wrong} are wrong on both sides`);
  });

  it('sums up lists of capabilities as systemd does', async () => {
    const lists = fc.sample(fc.array(capabilities, { minLength: 1, maxLength: 4 }), { seed: 252, numRuns: 150 });
    for (const [directive, initial] of [
      ['CapabilityBoundingSet', capabilityNames],
      ['AmbientCapabilities', []],
    ] as const) {
      const verdicts = await verdictsOf(lists.map((values) => values.map((value) => `${directive}=${value}`)));
      for (const [index, { fields }] of verdicts.entries()) {
        const values = lists[index] ?? [];
        const dumped = fields
          .get(directive)
          ?.at(-1)
          ?.toUpperCase()
          .split(' ')
          .filter((name) => name !== '');
        assert.deepEqual(summed(values, initial), dumped ?? initial, `${directive}: ${values.join(' | ')}`);
      }
    }
  });
});

function summed(values: readonly string[], initial: readonly string[]): readonly string[] {
  return values.reduce((before: readonly string[], value) => {
    const named = value
      .replace('~', '')
      .split(' ')
      .filter((word) => word !== '');
    const names = named.map((word) => {
      const parsed = parseCapability(word);
      assert.ok('value' in parsed);
      return parsed.value;
    });
    return assignCapabilities(before, before.length === initial.length, names, value.startsWith('~'));
  }, initial);
}

function read(text: string): { sandbox: Sandbox | undefined; wrong: number[] } {
  const unit = parseUnitName('judged.service').value;
  assert.ok(unit);
  const { spec, problems } = interpretUnit(unit, parseUnitFile(text).file);
  const errors = problems.filter(({ severity }) => severity === 'error').map(({ line = 0 }) => line);
  return { sandbox: spec?.service?.sandbox, wrong: [...new Set(errors)].sort() };
}

function compare(sandbox: Sandbox | undefined, { fields }: Verdict, lines: string): void {
  assert.ok(sandbox);
  const paths = (name: string) => {
    // Where a word has a blank the dump does not say where it ends.
    const text = (fields.get(name)?.at(-1) ?? '').replaceAll('/g h', '/g_h');
    return [
      ...new Set(
        text
          .split(' ')
          .filter((word) => word !== '')
          .map((word) => word.replace(/^-?\+?/, '')),
      ),
    ];
  };
  const own = (list: string[]) => list.map((text) => text.replaceAll(' ', '_'));
  const binds = (readOnly: boolean) =>
    sandbox.binds
      .filter((bind) => bind.readOnly === readOnly)
      .map(
        ({ source, target, optional, recursive }) =>
          `${optional ? '-' : ''}${source}:${target}:${recursive ? 'rbind' : 'norbind'}`,
      );
  const isOn = (name: 'PrivateTmp' | 'ProtectClock' | 'ProtectKernelLogs') =>
    sandbox.switches.includes(name) ? 'yes' : 'no';
  const ours = [
    own(sandbox.readOnlyPaths),
    own(sandbox.readWritePaths),
    own(sandbox.inaccessiblePaths),
    binds(false),
    binds(true),
    sandbox.temporary.map(({ path, options }) => (options === '' ? path : `${path}:${options}`)),
    [sandbox.protectSystem, sandbox.protectHome, isOn('PrivateTmp'), isOn('ProtectClock'), isOn('ProtectKernelLogs')],
  ];
  const theirs = [
    paths('ReadOnlyPaths'),
    paths('ReadWritePaths'),
    paths('InaccessiblePaths'),
    fields.get('BindPaths') ?? [],
    fields.get('BindReadOnlyPaths') ?? [],
    fields.get('TemporaryFileSystem') ?? [],
    ['ProtectSystem', 'ProtectHome', 'PrivateTmp', 'ProtectClock', 'ProtectKernelLogs'].map(
      (name) => fields.get(name)?.at(-1) ?? '',
    ),
  ];
  assert.deepEqual(ours, theirs, lines);
}
