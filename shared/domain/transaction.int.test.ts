/** systemd itself says which jobs a start has, and which orderings are circles: `systemd --test --unit=…`. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { fileOf, type Graph, stateOf, submissionsOf } from '../../test/support/dependentUnits.ts';
import { refuseContradictions } from './contradictions.ts';
import type { Dependencies, DependencyKind } from './dependencies.ts';
import { jobsBeside } from './transaction.ts';
import { UnitGraph } from './unitGraph.ts';

const run = promisify(execFile);
const units = ['a', 'b', 'c', 'd', 'e'];

function graphs(kinds: DependencyKind[]): fc.Arbitrary<Graph> {
  const names = fc.uniqueArray(fc.constantFrom(...units), { minLength: 1, maxLength: 2 });
  const stated = fc.dictionary(fc.constantFrom(...kinds), names, { maxKeys: 2 });
  return fc
    .tuple(...units.map(() => stated))
    .map((all) =>
      Object.fromEntries(units.map((name, at) => [name, withoutSelf(name, { ...all[at] } as Dependencies)])),
    );
}

function withoutSelf(name: string, stated: Dependencies): Dependencies {
  const entries = Object.entries(stated).map(([kind, names]) => [kind, names.filter((one) => one !== name)] as const);
  return Object.fromEntries(entries.filter(([, names]) => names.length > 0));
}

interface Verdict {
  started: string[];
  isCircular: boolean;
}

/** It refuses to try as root. Each job is shown twice: with its unit, and among the jobs. */
async function askSystemd(graph: Graph, start: string): Promise<Verdict> {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-jobs-'));
  try {
    await chmod(directory, 0o755);
    for (const [name, stated] of Object.entries(graph)) {
      await writeFile(join(directory, `${name}.service`), fileOf(stated));
    }
    await writeFile(join(directory, 'all.target'), allTogether);
    const env = { PATH: '/usr/bin:/bin', SYSTEMD_UNIT_PATH: directory, SYSTEMD_LOG_TARGET: 'console' };
    const systemd = ['/lib/systemd/systemd', '--test', '--system', `--unit=${start}`];
    const asNobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    const [program = '', ...args] = process.getuid?.() === 0 ? [...asNobody, ...systemd] : systemd;
    const { stdout, stderr } = await run(program, args, { env, maxBuffer: 2 ** 24 });
    const started = [...stdout.matchAll(/Action: (\w+)\.service -> start/g)].map(([, name = '']) => name);
    return { started: [...new Set(started)].sort(), isCircular: /Found ordering cycle/.test(stdout + stderr) };
  } finally {
    await rm(directory, { recursive: true });
  }
}

const allTogether = `[Unit]\nDefaultDependencies=no\nWants=${units.map((name) => `${name}.service`).join(' ')}\n`;

describe('systemd agrees', { timeout: 120_000 }, () => {
  test('on what a start starts', async (t) => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(graphs(['Requires', 'BindsTo', 'Wants', 'PartOf', 'After']), async (graph) => {
        const isOrdered = refuseContradictions(stateOf({}), refsOf(graph)) !== null;
        fc.pre(!isOrdered);
        const { started } = await askSystemd(graph, 'a.service');
        const jobs = jobsBeside(
          new UnitGraph(stateOf(graph)),
          'start',
          ['a.service'],
          () => true,
          () => false,
        );
        assert.deepEqual(['a', ...jobs.map(({ unit }) => unit.split('.')[0])].sort(), started);
        compared++;
      }),
      { numRuns: 40 },
    );
    t.diagnostic(`${compared} starts have the same jobs`);
  });

  test('on which orderings are circles', async (t) => {
    let circles = 0;
    await fc.assert(
      fc.asyncProperty(graphs(['After', 'Before']), async (graph) => {
        const { isCircular } = await askSystemd(graph, 'all.target');
        const refusal = refuseContradictions(stateOf({}), refsOf(graph));
        assert.equal(refusal !== null, isCircular, JSON.stringify(refusal));
        if (isCircular) circles++;
      }),
      { numRuns: 40, seed: 7 },
    );
    t.diagnostic(`${circles} of 40 orderings are circles on both sides`);
    assert.ok(circles > 5 && circles < 35, `${circles} of 40`);
  });
});

function refsOf(graph: Graph) {
  return submissionsOf(graph).map((submission) => ({ name: submission.name, submission }));
}
