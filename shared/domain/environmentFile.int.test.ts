/** systemd's generator for environment.d(5) as the judge: it reads files with the parser that EnvironmentFile= uses. */
import assert from 'node:assert/strict';
import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseEnvironmentFile } from './environmentFile.ts';
import { run } from './testing/systemdJudge.ts';

const generator = '/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator';
const isMissing = await access(generator).then(
  () => false,
  () => true,
);
const skip = isMissing && process.env.FLOTILLA_REQUIRE_SYSTEMD !== '1' ? 'systemd is not installed' : false;

/** Not `$`, which only environment.d expands, and no backslash in comments, which systemd's versions read differently. */
const piece = fc.oneof(
  fc.string({ unit: fc.constantFrom(...`ab ='"\\\n\t#;`), maxLength: 8 }),
  fc.constantFrom('\\\n', '\\"', '" "', "' '", 'x\\ ', '"a\nb"', '"\\`\\z"'),
);
const line = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constantFrom('', ' '), piece, piece) },
  {
    weight: 1,
    arbitrary: fc.string({ unit: fc.constantFrom(...'ab =\'"\t'), maxLength: 6 }).map((text) => `#${text}`),
  },
  { weight: 1, arbitrary: fc.constantFrom('', 'export FLX=1', '1FL=2', 'FLX', '=x') },
);
/** Each line has a name of its own: environment.d lets an empty value leave the one before, EnvironmentFile= does not. */
const files = fc
  .array(line, { maxLength: 5 })
  .map((lines) => lines.map((part, i) => (typeof part === 'string' ? part : nameIt(`FL${i}`, part))).join('\n'));

function nameIt(name: string, [blank, ...value]: [string, string, string]): string {
  return `${blank}${name}${blank}=${value.join('')}`;
}

async function askSystemd(text: string): Promise<Record<string, string>> {
  const home = await mkdtemp(join(tmpdir(), 'flotilla-env-'));
  try {
    await mkdir(join(home, 'environment.d'));
    await writeFile(join(home, 'environment.d', 'x.conf'), text);
    const { stdout } = await run(generator, [], { env: { XDG_CONFIG_HOME: home } });
    const ours = stdout.split('\n').filter((found) => found.startsWith('FL'));
    return Object.fromEntries(ours.map((found) => [found.slice(0, 3), unquote(found.slice(4))]));
  } finally {
    await rm(home, { recursive: true });
  }
}

/** The generator quotes for a shell, with C's escapes. */
function unquote(value: string): string {
  if (!value.startsWith('"')) return value;
  return value.slice(1, -1).replace(/\\(.)/g, (_, char: string) => ({ n: '\n', t: '\t' })[char] ?? char);
}

test('environment files mean what systemd makes of them', { skip }, async (t) => {
  const samples = fc.sample(files, { seed: 252, numRuns: 400 });
  for (let at = 0; at < samples.length; at += 8) {
    await Promise.all(
      samples.slice(at, at + 8).map(async (text) => {
        // environment.d takes no empty values, EnvironmentFile= does.
        const isTaken = ([name, value]: [string, string]) => name.startsWith('FL') && value !== '';
        const ours = Object.fromEntries(Object.entries(parseEnvironmentFile(text)).filter(isTaken));
        const theirs = Object.fromEntries(Object.entries(await askSystemd(text)).filter(isTaken));
        assert.deepEqual(ours, theirs, JSON.stringify(text));
      }),
    );
  }
  t.diagnostic(`${samples.length} files mean the same`);
});
