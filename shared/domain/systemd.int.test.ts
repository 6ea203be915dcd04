/** systemd itself as the judge: what it makes of names, time spans and whole unit files, ours must be too. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { knownDirectives } from './directives.ts';
import { interpretUnit } from './interpretUnit.ts';
import { exitStatusNames } from './signals.ts';
import { judge, run, type Verdict } from './testing/systemdJudge.ts';
import { timeSpans, unitTexts, values } from './testing/unitSamples.ts';
import { parseMicroseconds } from './timeSpan.ts';
import { parseUnitFile } from './unitFile.ts';
import { escapeName, escapePath, parseUnitName, unescapeName } from './unitName.ts';
import type { UnitSpec } from './unitSpec.ts';

const version = await run('systemd-analyze', ['--version']).then(
  ({ stdout }) => Number(/^systemd (\d+)/.exec(stdout)?.[1]),
  () => null,
);
const missing = version === null ? 'systemd-analyze is not installed' : null;
const skip = missing !== null && process.env.FLOTILLA_REQUIRE_SYSTEMD !== '1' ? missing : false;

const seed = { seed: 252 };

function meaningOf(name: string, text: string): { spec: UnitSpec | null; errors: Set<number> } {
  const unit = parseUnitName(name).value;
  assert.ok(unit);
  const { file, problems } = parseUnitFile(text);
  const meaning = interpretUnit(unit, file);
  const all = [...problems, ...meaning.problems].filter(({ severity }) => severity === 'error');
  return { spec: meaning.spec, errors: new Set(all.map(({ line = 0 }) => line)) };
}

describe('the unit language, judged by systemd', { skip }, () => {
  it('escapes and unescapes names as systemd-escape does', async (t) => {
    const anything = fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }).filter((text) => !/[\0\n]/.test(text));
    const texts = fc.sample(fc.oneof(anything, fc.string({ unit: fc.constantFrom(...'.-/\\@:_a1 é'), minLength: 1 })), {
      ...seed,
      numRuns: 300,
    });
    const { stdout } = await run('systemd-escape', ['--', ...texts]);
    const escaped = texts.map(escapeName);
    assert.equal(stdout, `${escaped.join(' ')}\n`);
    assert.deepEqual(escaped.map(unescapeName), texts);
    const back = await run('systemd-escape', ['--unescape', '--', ...escaped]);
    assert.equal(back.stdout, `${escaped.map(unescapeName).join(' ')}\n`);
    t.diagnostic(`${texts.length} names, there and back`);
  });

  it('escapes paths as systemd-escape --path does', async (t) => {
    const part = fc.constantFrom('/', '//', '.', 'a', '-', 'b.c', ' ', '.d', 'é');
    const paths = fc.sample(
      fc.array(part, { maxLength: 8 }).map((parts) => `/${parts.join('')}`),
      { ...seed, numRuns: 300 },
    );
    const judged = paths.filter((path) => escapePath(path) !== null);
    assert.ok(judged.length > 100);
    const { stdout } = await run('systemd-escape', ['--path', '--', ...judged]);
    assert.equal(stdout, `${judged.map(escapePath).join(' ')}\n`);
    t.diagnostic(`${judged.length} paths`);
  });

  it('measures time spans as systemd-analyze timespan does', async (t) => {
    const spans = fc.sample(timeSpans, { ...seed, numRuns: 400 }).filter((span) => parseMicroseconds(span) !== null);
    assert.ok(spans.length > 100);
    const { stdout } = await run('systemd-analyze', ['timespan', '--', ...spans]);
    const measured = Array.from(stdout.matchAll(/μs: (\d+)/g), ([, usec = '']) => BigInt(usec));
    const ours = spans.map(parseMicroseconds).map((span) => (span === 'infinity' ? 2n ** 64n - 1n : span));
    assert.deepEqual(ours, measured);
    t.diagnostic(`${spans.length} time spans`);
  });

  it('finds the same values wrong', async (t) => {
    const lines = Object.entries(values).flatMap(([directive, value]) =>
      Array.from(new Set(fc.sample(value, { ...seed, numRuns: 150 })), (text) => `${directive}=${text}`),
    );
    // Each in a unit of its own: after some of them systemd reads no further.
    const units = lines.map((line, index): [string, string] => [`judged${index}.service`, serviceWith(line)]);
    const verdicts = await judge(Object.fromEntries(units));
    const wrong = lines.filter((_, index) => verdicts.get(`judged${index}.service`)?.complaints.has(4));
    assert.ok(wrong.length > 100);
    assert.deepEqual(lines.filter(isWrong), wrong);
    t.diagnostic(`${lines.length} values, ${wrong.length} of them wrong on both sides`);
  });

  it('reads files, values and command lines as systemd does', async (t) => {
    const samples = fc.sample(unitTexts, { ...seed, numRuns: 300 });
    const units = Object.fromEntries(samples.map((text, index) => [`a-b@x\\x2d${index}.service`, text]));
    const verdicts = await judge(units);
    const outcomes = Object.entries(units).map(([name, text]) => {
      const verdict = verdicts.get(name);
      assert.ok(verdict, name);
      return compare(name, text, verdict);
    });
    const equal = outcomes.filter((each) => each === 'equal').length;
    const objected = outcomes.length - equal;
    t.diagnostic(`${equal} files mean the same, both sides object to the same line of ${objected}`);
    assert.ok(equal > 50 && objected > 50);
  });

  // Another version knows other directives than the tables here.
  it('treats every directive that systemd knows, and no other', {
    skip: version !== 252 && 'needs systemd 252',
  }, async (t) => {
    const { stdout } = await run('/lib/systemd/systemd', ['--dump-configuration-items']);
    const sections = stdout.trim().split('\n\n');
    let count = 0;
    for (const items of sections) {
      const [, section = ''] = /^\[(\w+)\]/.exec(items) ?? [];
      const names = Array.from(items.matchAll(/^(\w+)=/gm), ([, name = '']) => name);
      assert.deepEqual(knownDirectives(section).toSorted(), names.toSorted(), section);
      count += names.length;
    }
    assert.ok(count > 1000);
    t.diagnostic(`${count} directives that systemd knows have a class`);
  });

  it('knows the names of exit statuses', async () => {
    const { stdout } = await run('systemd-analyze', ['exit-status']);
    const rows = Array.from(stdout.matchAll(/^(\w+) +(\d+)/gm), ([, name, status]) => [name, Number(status)]);
    assert.deepEqual(exitStatusNames, Object.fromEntries(rows));
  });

  it('reads every unit file of this machine', async (t) => {
    const directory = '/lib/systemd/system';
    const names = (await readdir(directory, { withFileTypes: true })).filter((entry) => entry.isFile());
    assert.ok(names.length > 50);
    for (const { name } of names) {
      const { file, problems } = parseUnitFile(await readFile(join(directory, name)));
      assert.deepEqual(problems, [], name);
      const unit = parseUnitName(name).value;
      const unknown = unit
        ? interpretUnit(unit, file).problems.filter((each) => /has no directive/.test(each.message))
        : [];
      assert.deepEqual(unknown, [], name);
    }
    t.diagnostic(`${names.length} unit files`);
  });
});

function serviceWith(line: string): string {
  return `[Service]\nType=simple\nExecStart=/bin/true\n${line}\n`;
}

function isWrong(line: string): boolean {
  return meaningOf('judged.service', serviceWith(line)).errors.has(4);
}

/**
 * Both sides object to the same line first (systemd reads no further after some; of continued lines it names the last,
 * we the first). Where there is none, everything must be the same.
 */
function compare(name: string, text: string, verdict: Verdict): 'objected' | 'equal' {
  const { spec, errors } = meaningOf(name, text);
  const context = `${name}\n${text}\nsystemd complains about ${[...verdict.complaints]}, we about ${[...errors]}`;
  const [first] = [...errors].sort((a, b) => a - b);
  const [judgedFirst] = [...verdict.complaints].sort((a, b) => a - b);
  const isContinued = /\\\r?\n/.test(text);
  if (!isContinued) assert.equal(first, judgedFirst, context);
  else assert.equal(first === undefined, judgedFirst === undefined, context);
  if (first !== undefined) return 'objected';
  assert.ok(spec?.service, context);
  const { service } = spec;
  const field = (key: string) => verdict.fields.get(key)?.at(-1);
  assert.equal(spec.description, field('Description'), context);
  assert.deepEqual(
    service.execStop.map(({ argv }) => argv),
    verdict.commands.get('ExecStop') ?? [],
    context,
  );
  const environment = Object.entries(service.environment).map(([key, value]) => `${key}=${value}`);
  assert.deepEqual(environment.toSorted(), (verdict.fields.get('Environment') ?? []).toSorted(), context);
  assert.equal(service.killSignal, field('KillSignal')?.replace(/\+0$/, ''), context);
  assert.equal(service.killMode, field('KillMode'), context);
  assert.equal(service.umask?.toString(8).padStart(4, '0'), field('UMask'), context);
  assert.equal(String(spec.resources.memoryBytes), field('MemoryMax'), context);
  return 'equal';
}
