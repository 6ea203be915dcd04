/** Path units on real files, with a fake host for the service that they start. */
import assert from 'node:assert/strict';
import { appendFile, mkdir, mkdtemp, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '../../shared/clock/systemClock.ts';
import type { ActiveState, UnitReport } from '../../shared/domain/events.ts';
import { interpretUnit } from '../../shared/domain/interpretUnit.ts';
import { parseUnitFile } from '../../shared/domain/unitFile.ts';
import { parseUnitName } from '../../shared/domain/unitName.ts';
import { until } from '../../test/support/until.ts';
import { createPath } from './pathActor.ts';
import { assigned } from './testing/unitSimulation.ts';

/** A path unit whose service runs from each start until it is told to end. */
async function watching(t: TestContext, text: (directory: string) => string) {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-path-'));
  const file = assigned(`[Path]\n${text(directory)}\n`, { name: 'job.path' });
  const name = parseUnitName('job.path').value;
  assert.ok(name);
  const { spec, problems } = interpretUnit(name, parseUnitFile(file.text).file);
  assert.ok(spec?.path, JSON.stringify(problems));
  let active: ActiveState = 'inactive';
  let starts = 0;
  let report: UnitReport | undefined;
  const unit = createPath(
    {
      rest: null,
      conditions: null,
      assigned: file,
      path: spec.path,
      clock: systemClock,
      target: () => ({ active, sub: 'dead', result: 'success', startedAt: null, endedAt: null }),
      activate: () => {
        starts += 1;
        active = 'active';
        return null;
      },
    },
    { onReport: (next) => (report = next), onGone: () => undefined },
  );
  t.after(async () => {
    unit.abandon();
    await rm(directory, { recursive: true });
  });
  await until('it watches', () => report?.active === 'active');
  return {
    directory,
    assigned: file,
    setGoal: unit.setGoal,
    report: () => report,
    started: (count: number) => until(`start ${count}`, () => starts >= count),
    starts: () => starts,
    end() {
      active = 'inactive';
      unit.targetChanged();
    },
  };
}

describe('a path unit', () => {
  it('starts its unit when a path comes to be there, however far its way was from being there', async (t) => {
    const job = await watching(t, (directory) => `PathExists=${directory}/a/b/flag`);
    await mkdir(join(job.directory, 'a/b'), { recursive: true });
    await writeFile(join(job.directory, 'a/b/flag'), '');
    await job.started(1);
    assert.equal(job.report()?.sub, 'running');
    // It is still there when the unit has ended, and then it is not.
    job.end();
    await job.started(2);
    await unlink(join(job.directory, 'a/b/flag'));
    job.end();
    await until('it waits', () => job.report()?.sub === 'waiting');
    assert.equal(job.starts(), 2);
  });

  it('starts it when a glob matches, and when a directory gets its first entry', async (t) => {
    const job = await watching(
      t,
      (directory) => `PathExistsGlob=${directory}/*.ready\nDirectoryNotEmpty=${directory}/in`,
    );
    await writeFile(join(job.directory, 'one.ready'), '');
    await job.started(1);
    await unlink(join(job.directory, 'one.ready'));
    job.end();
    await until('it waits', () => job.report()?.sub === 'waiting');
    await mkdir(join(job.directory, 'in'));
    await writeFile(join(job.directory, 'in/x'), '');
    await job.started(2);
  });

  it('starts it when a file changes, also while the unit ran', async (t) => {
    const job = await watching(t, (directory) => `PathModified=${directory}/log`);
    await until('it waits', () => job.report()?.sub === 'waiting');
    await writeFile(join(job.directory, 'log'), 'a');
    await job.started(1);
    await appendFile(join(job.directory, 'log'), 'b');
    job.end();
    await job.started(2);
    job.end();
    await until('it waits', () => job.report()?.sub === 'waiting');
    assert.equal(job.starts(), 2);
  });

  it('starts it when a file in a watched directory was written, and makes the directory', async (t) => {
    const job = await watching(t, (directory) => `PathChanged=${directory}/new\nMakeDirectory=yes\nDirectoryMode=0700`);
    const mode = await until('it is made', () =>
      stat(join(job.directory, 'new')).then(
        ({ mode }) => mode,
        () => null,
      ),
    );
    assert.equal(mode & 0o777, 0o700);
    await writeFile(join(job.directory, 'new/x'), 'x');
    await job.started(1);
  });

  it('fails when it starts the unit more often than its limit allows, until it is started again', async (t) => {
    const job = await watching(
      t,
      (directory) => `PathExists=${directory}\nTriggerLimitIntervalSec=1h\nTriggerLimitBurst=3`,
    );
    for (const count of [1, 2, 3]) {
      await job.started(count);
      job.end();
    }
    await until('it has failed', () => job.report()?.active === 'failed');
    assert.equal(job.report()?.result, 'trigger-limit-hit');
    job.setGoal({ ...job.assigned, goal: job.assigned.goal + 1 });
    await job.started(4);
    assert.equal(job.report()?.active, 'active');
  });
});
