import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { parseEnvironmentFile } from './environmentFile.ts';

/** Reads environment.d(5), with the parser that systemd also has for `EnvironmentFile=`. */
const generator = '/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator';
const skip = existsSync(generator) ? false : 'systemd is not installed';

describe('an environment file, and what systemd makes of it', { skip, timeout: 60_000 }, () => {
  let directory = '';
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'flotilla-environment-'));
    await mkdir(join(directory, 'environment.d'));
  });
  after(() => rm(directory, { recursive: true }));

  async function judge(text: string): Promise<Record<string, string>> {
    await writeFile(join(directory, 'environment.d', 'judged.conf'), text);
    const { stdout } = await promisify(execFile)(generator, { env: { XDG_CONFIG_HOME: directory } });
    const lines = stdout.split('\n').filter((line) => /^A\w*=/.test(line));
    return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), shown(line)]));
  }

  it('are the same', async () => {
    // Without dollar signs and backticks: environment.d(5) expands variables, EnvironmentFile= does not.
    const chars = fc.string({ unit: fc.constantFrom(...'ab  \t\n#;=\'"\\\\'), maxLength: 20 });
    const start = fc.constantFrom('A@=', 'A@ =', ' A@= ', 'A@="', "A@='", '');
    // Each name once: an empty value leaves an earlier one in force there, and is left out.
    const line = (parts: [string, string], at: number) => parts.join('').replace('@', String(at));
    const file = fc.array(fc.tuple(start, chars), { maxLength: 6 }).map((lines) => lines.map(line).join('\n'));
    await fc.assert(
      fc.asyncProperty(file, async (text) => {
        // Until systemd 254 a backslash continued a comment, too.
        fc.pre(!/^\s*[#;].*\\/m.test(text));
        const ours = Object.entries(parseEnvironmentFile(text)).filter(([name, value]) => /^A/.test(name) && value);
        assert.deepEqual(Object.fromEntries(ours), await judge(text));
      }),
      { numRuns: 300 },
    );
  });
});

/** The value, which the generator quotes as for a shell where that is needed, with C escapes. */
function shown(line: string): string {
  const value = line.slice(line.indexOf('=') + 1);
  if (!value.startsWith('"')) return value;
  const controls: Record<string, string> = { n: '\n', t: '\t', r: '\r' };
  return value.slice(1, -1).replace(/\\(.)/g, (_, char: string) => controls[char] ?? char);
}
