/** `systemd-escape` with --unescape --path, --template and --instance as the judge; the plain directions are in `systemd.int.test.ts`. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { run } from './testing/systemdJudge.ts';
import { escapeName, escapePath, parseUnitName, unescapeName, unescapePath } from './unitName.ts';

const isThere = await run('systemd-escape', ['--version']).then(
  () => true,
  () => false,
);
const skip = !isThere && process.env.FLOTILLA_REQUIRE_SYSTEMD !== '1' && 'systemd-escape is not installed';
const seed = { seed: 252, numRuns: 200 };

describe('names from text, judged by systemd-escape', { skip }, () => {
  it('are paths again as they were', async (t) => {
    const part = fc.constantFrom('/', '//', '.', 'a', '-', 'b.c', ' ', '.d', 'é');
    const paths = fc.sample(
      fc.array(part, { maxLength: 8 }).map((parts) => `/${parts.join('')}`),
      seed,
    );
    const escaped = paths.flatMap((path) => escapePath(path) ?? []);
    assert.ok(escaped.length > 100);
    for (const name of escaped) {
      const { stdout } = await run('systemd-escape', ['--unescape', '--path', '--', name]);
      assert.equal(`${unescapePath(name)}\n`, stdout, name);
    }
    t.diagnostic(`${escaped.length} paths are back as they were`);
  });

  it('make instances of templates, whose instance is the text again', async (t) => {
    const texts = fc.sample(fc.string({ unit: fc.constantFrom(...'.-/@:_a1 é\\'), minLength: 1, maxLength: 12 }), seed);
    const template = 'of-a@.service';
    for (const text of texts) await checkInstance(template, text);
    t.diagnostic(`${texts.length} instances are made and read alike`);
  });
});

async function checkInstance(template: string, text: string): Promise<void> {
  const made = parseUnitName(template.replace('@', () => `@${escapeName(text)}`)).value;
  assert.ok(made, text);
  const { stdout } = await run('systemd-escape', ['--template', template, '--', text]);
  const back = await run('systemd-escape', ['--unescape', '--instance', '--', made.name]);
  assert.deepEqual([`${made.name}\n`, `${unescapeName(made.instance ?? '')}\n`], [stdout, back.stdout]);
  assert.equal(unescapeName(made.instance ?? ''), text);
}
