/** `flotilla verify` on several files, beside `systemd-analyze verify` on the same. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { checkFile } from './unitFiles.ts';
import { verifyTogether } from './verifyTogether.ts';

const run = promisify(execFile);
const hasSystemd = await run('systemd-analyze', ['--version']).then(
  () => true,
  () => false,
);
const skip = !hasSystemd && process.env.FLOTILLA_REQUIRE_SYSTEMD !== '1' && 'systemd-analyze is not installed';

/** The files, by unit, with something to run where they have nothing else. */
async function write(t: TestContext, units: Record<string, string>): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-verify-'));
  t.after(() => rm(directory, { recursive: true }));
  const paths = Object.keys(units).map((name) => join(directory, name));
  await Promise.all(
    Object.values(units).map((text, at) =>
      writeFile(paths[at] ?? '', /\[(Service|Timer)\]/.test(text) ? text : `${text}\n[Service]\nExecStart=/bin/true\n`),
    ),
  );
  return paths;
}

async function verdict(paths: string[]) {
  const files = await Promise.all(paths.map((path) => checkFile(path, path.slice(path.lastIndexOf('/') + 1))));
  assert.ok(files.every((file) => file !== null));
  return verifyTogether(files);
}

describe('files that are verified together', () => {
  it('are in a circle where systemd finds one', { skip }, async (t) => {
    const cases: [units: Record<string, string>, way: string | null][] = [
      [{ 'a.service': '[Unit]\nWants=b.service\nAfter=b.service', 'b.service': '[Unit]\nAfter=a.service' }, 'a b a'],
      [{ 'a.service': '[Unit]\nWants=b.service\nAfter=b.service', 'b.service': '[Unit]\nBefore=a.service' }, null],
      [
        {
          'a.service': '[Unit]\nWants=b.service c.service\nAfter=b.service',
          'b.service': '[Unit]\nAfter=c.service',
          'c.service': '[Unit]\nAfter=a.service',
        },
        'a b c a',
      ],
      [{ 'a.service': '[Unit]\nRequires=b.service', 'b.service': '[Unit]\nRequires=a.service' }, null],
    ];
    for (const [units, way] of cases) {
      const paths = await write(t, units);
      const said = await run('systemd-analyze', ['verify', '--man=no', ...paths]).then(
        ({ stderr }) => stderr,
        (error) => String(error.stderr),
      );
      const found = await verdict(paths);
      assert.equal(found !== null, /ordering cycle/.test(said), `${paths}: ${found?.message}\n${said}`);
      const expected = way?.replaceAll(/\w/g, '$&.service').replaceAll(' ', ' → ');
      assert.equal(found?.message, expected && `units wait for each other in a circle: ${expected}`);
    }
  });

  it('are told what the cluster would refuse, and who says what', async (t) => {
    const far = await write(t, {
      'a.service': '[Unit]\nRequires=b.service\n[X-Fleet]\nMachineMetadata=disk=ssd',
      'b.service': '[X-Fleet]\nMachineMetadata=disk=hdd',
    });
    const found = await verdict(far);
    assert.equal(found?.message, 'units that need each other cannot be on one machine');
    assert.match(found.details.join(), /a\.service wants machines with disk=ssd, and b\.service with disk=hdd/);
    const sending = await write(t, {
      'a.service': '[X-Fleet]\nReplaces=b.service',
      'b.service': '[X-Fleet]\nReplaces=a.service',
    });
    assert.match((await verdict(sending))?.message ?? '', /replace each other in a circle/);
  });

  it('may depend on units that are not among them', async (t) => {
    assert.equal(await verdict(await write(t, { 'a.service': '[Unit]\nRequires=b.service\nAfter=b.service' })), null);
  });
});
