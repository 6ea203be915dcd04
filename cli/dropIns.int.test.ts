/** systemd itself as the judge of which drop-ins belong to a unit, in which order, and what they make of it. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { dropInDirectories } from '../shared/domain/dropIns.ts';
import { interpretUnit } from '../shared/domain/interpretUnit.ts';
import { readDump, run, verify } from '../shared/domain/testing/systemdJudge.ts';
import { parseUnitFile } from '../shared/domain/unitFile.ts';
import { parseUnitName } from '../shared/domain/unitName.ts';
import { findDropIns } from './dropIns.ts';
import { checkFile } from './unitFiles.ts';

const missing = await run('systemd-analyze', ['--version']).then(
  () => false,
  () => process.env.FLOTILLA_REQUIRE_SYSTEMD !== '1' && 'systemd-analyze is not installed',
);

const part = fc.constantFrom('a', '-', '--', 'b', 'c-');
const names = fc
  .tuple(fc.array(part, { minLength: 1, maxLength: 5 }), fc.constantFrom('', '@x', '@x-y', '@x', ''))
  .map(([parts, instance]) => `${parts.join('')}${instance}.service`);
const content = fc.constantFrom(
  '[Unit]\nDescription=of PATH\n',
  '# nothing\n',
  '',
  '[Service]\nEnvironment=V_PATH=of\n',
  '\ufeff[Service]\nEnvironment=A=PATH\n[Unit]\nDescription=',
  '[Service]\nEnvironment=\nEnvironment=B=1 \\\n # no\n  C=PATH',
  '[Service]\nEnvironment=D=1\\',
);
const main = fc.constantFrom('', 'Environment=Z=1', 'Environment=Y=1 \\\n  X=2\\', '\n\n', '#\\');

test('drop-ins are found, ordered and merged as by systemd', { skip: missing }, async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'flotilla-drop-ins-'));
  t.after(() => rm(root, { recursive: true }));
  const picked = [...new Set(fc.sample(names, { seed: 252, numRuns: 150 }))];
  const [contents, mains] = [
    fc.sample(content, { seed: 1, numRuns: 4_000 }),
    fc.sample(main, { seed: 2, numRuns: 150 }),
  ];
  let next = 0;
  const write = async (path: string, text: string) => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  };
  for (const [index, name] of picked.entries()) {
    await write(join(root, name), `[Unit]\nDescription=main\n[Service]\nExecStart=/bin/true\n${mains[index] ?? ''}`);
    const unit = parseUnitName(name).value;
    assert.ok(unit);
    // Those of systemd, and one that is no unit's.
    for (const directory of [...dropInDirectories(unit), '-.service.d']) {
      for (const file of ['10-x.conf', '9.conf', `é${directory}.conf`, 'ignored.txt', '.hidden.conf']) {
        next += 1;
        const path = join(root, directory, file);
        if (next % 3 > 0) await write(path, (contents[next % 4_000] ?? '').replaceAll('PATH', next.toString()));
      }
    }
  }
  const env = { ...process.env, SYSTEMD_UNIT_PATH: `${root}:`, SYSTEMD_LOG_LEVEL: 'debug' };
  const { stdout } = await verify(
    picked.map((name) => join(root, name)),
    env,
  );
  const verdicts = readDump(stdout);
  let compared = 0;
  for (const name of picked) {
    const unit = parseUnitName(name).value;
    const verdict = verdicts.get(name);
    assert.ok(unit && verdict, name);
    const found = await findDropIns(root, unit);
    const fields = (key: string) => verdict.fields.get(key) ?? [];
    assert.deepEqual(
      found.map(({ path }) => path),
      fields('DropIn Path'),
      name,
    );
    const checked = await checkFile(join(root, name), name);
    assert.ok(typeof checked?.text === 'string');
    assert.deepEqual(checked.problems, []);
    const { spec } = interpretUnit(unit, parseUnitFile(checked.text).file);
    assert.equal(spec?.description, fields('Description')[0], checked.text);
    const environment = Object.entries(spec?.service?.environment ?? {}).map(([key, value]) => `${key}=${value}`);
    assert.deepEqual(environment.toSorted(), fields('Environment').toSorted(), checked.text);
    compared += found.length;
  }
  assert.ok(compared > 300);
  t.diagnostic(`${compared} drop-ins of ${picked.length} units are read as systemd reads them`);
});
