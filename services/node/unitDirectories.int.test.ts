import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { assigned, ends, exited, simulateUnit, specOf } from './testing/unitSimulation.ts';
import { makeDirectories, removeRuntimeDirectories } from './unitDirectories.ts';

const isRoot = process.getuid?.() === 0;
const runtimeRoot = isRoot ? '/run' : (process.env.XDG_RUNTIME_DIR ?? tmpdir());
let last = 0;

/** A name that nobody else has, whose traces are removed. */
function freshName(t: TestContext): string {
  const name = `flotilla-test-${process.pid}-${++last}`;
  t.after(() => {
    for (const root of [runtimeRoot, '/var/lib', '/etc']) rmSync(join(root, name), { recursive: true, force: true });
  });
  return name;
}

const unitWith = (...lines: string[]) => `[Service]\nExecStart=/main\n${lines.join('\n')}\n`;

describe('the directories of a unit', { timeout: 20_000 }, () => {
  it('are not made, nor removed, where a link leads elsewhere', async (t) => {
    const name = freshName(t);
    const elsewhere = mkdtempSync(join(tmpdir(), 'elsewhere-'));
    t.after(() => rmSync(elsewhere, { recursive: true }));
    mkdirSync(join(elsewhere, 'kept'));
    mkdirSync(join(runtimeRoot, name));
    symlinkSync(elsewhere, join(runtimeRoot, name, 'link'));
    const { service } = specOf(assigned(unitWith(`RuntimeDirectory=${name}/link/kept`)));
    await assert.rejects(makeDirectories(service), /link is a symbolic link/);
    removeRuntimeDirectories(service, false);
    assert.ok(existsSync(join(elsewhere, 'kept')));
  });

  it('are made for its user, with their modes, and told to its commands', { skip: !isRoot }, async (t) => {
    const name = freshName(t);
    const text = unitWith(
      `RuntimeDirectory=${name}/a ${name}/b`,
      'RuntimeDirectoryMode=0710',
      `StateDirectory=${name}`,
      `ConfigurationDirectory=${name}`,
      'User=nobody',
    );
    assert.deepEqual(await makeDirectories(specOf(assigned(text)).service), {
      RUNTIME_DIRECTORY: `/run/${name}/a:/run/${name}/b`,
      STATE_DIRECTORY: `/var/lib/${name}`,
      CONFIGURATION_DIRECTORY: `/etc/${name}`,
    });
    const { uid, mode } = statSync(`/run/${name}/b`);
    assert.deepEqual([uid, mode & 0o7777], [65_534, 0o710]);
    assert.equal(statSync(`/run/${name}`).uid, 0);
    assert.equal(statSync(`/var/lib/${name}`).uid, 65_534);
    assert.equal(statSync(`/etc/${name}`).uid, 0);
  });

  for (const [preserve, afterRestart, afterStop] of [
    ['no', false, false],
    ['restart', true, false],
    ['yes', true, true],
  ] as const) {
    it(`in /run with RuntimeDirectoryPreserve=${preserve} ${afterRestart ? 'outlive' : 'do not outlive'} a restart, and ${afterStop ? 'outlive' : 'do not outlive'} a stop`, async (t) => {
      const name = freshName(t);
      const file = join(runtimeRoot, name, 'file');
      const unit = simulateUnit(unitWith(`RuntimeDirectory=${name}`, `RuntimeDirectoryPreserve=${preserve}`));
      await unit.clock.advance(0);
      const untilSub = async (sub: string) => {
        while (unit.last()?.sub !== sub)
          await new Promise((resolve) => setImmediate(resolve)).then(() => unit.clock.advance(0));
      };
      await untilSub('running');
      assert.equal(unit.environments.at(-1)?.RUNTIME_DIRECTORY, join(runtimeRoot, name));
      writeFileSync(file, '');
      const starts = unit.ran.length;
      unit.restart();
      while (unit.ran.length === starts) await unit.clock.advance(0);
      await untilSub('running');
      assert.equal(existsSync(file), afterRestart);
      unit.wish('loaded');
      await untilSub('dead');
      assert.equal(existsSync(join(runtimeRoot, name)), afterStop);
    });
  }

  it('that cannot be made fail the start, and say why', { skip: !isRoot }, async () => {
    const unit = simulateUnit(unitWith('RuntimeDirectory=flotilla-test-never', 'User=no-such-user-here'), {
      commands: { '/main': ends(exited(0)) },
    });
    while (unit.last()?.active !== 'failed') await unit.clock.advance(0);
    assert.deepEqual([unit.last()?.result, unit.last()?.exit], ['exit-code', { code: 217 }]);
    assert.match(unit.last()?.reason ?? '', /no such user/);
  });
});
