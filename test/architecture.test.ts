import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findViolations, importedPackages, type SourceFile } from './support/architecture.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

async function sourcesUnder(...dirs: string[]): Promise<SourceFile[]> {
  const entries = await Promise.all(
    dirs.map((dir) => readdir(join(root, dir), { recursive: true, withFileTypes: true })),
  );
  const files = entries.flat().filter((entry) => entry.isFile() && /\.(ts|mjs)$/.test(entry.name));
  return Promise.all(
    files.map(async (entry) => {
      const file = join(entry.parentPath, entry.name);
      return { path: file.slice(root.length), text: await readFile(file, 'utf8') };
    }),
  );
}

async function dependencies(): Promise<string[]> {
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  return Object.keys(manifest.dependencies);
}

test('every import goes where its layer may go, and every package stays in its home', async () => {
  const files = await sourcesUnder('shared', 'services', 'cli');
  assert.ok(files.length > 30, 'the sources were found');
  assert.deepEqual(findViolations(files), []);
});

test('every dependency is used', async () => {
  const used = importedPackages(await sourcesUnder('shared', 'services', 'cli'));
  assert.deepEqual(
    (await dependencies()).filter((name) => !used.has(name)),
    [],
  );
});

test('ARCHITECTURE.md says of every dependency why it is there', async () => {
  const text = await readFile(join(root, 'ARCHITECTURE.md'), 'utf8');
  assert.deepEqual(
    (await dependencies()).filter((name) => !text.includes(`\`${name}\``)),
    [],
  );
});

const bad: [path: string, text: string, complaint: RegExp][] = [
  ['shared/domain/unit.ts', "import { readFile } from 'node:fs/promises';", /node:fs\/promises, but must be pure/],
  ['shared/domain/unit.ts', "import type { Clock } from '../clock/clock.ts';", /imports shared\/clock\/clock\.ts/],
  ['shared/domain/unit.ts', 'const at = Date.now();', /uses Date\.now/],
  ['services/scheduler/policy/ranking.ts', "import { nanoid } from 'nanoid';", /package nanoid, but must be pure/],
  ['services/scheduler/policy/ranking.ts', 'const tie = Math.random();', /uses Math\.random/],
  ['services/kv/store/index.ts', "import { x } from '../nats/face.ts';", /imports services\/kv\/nats\/face\.ts/],
  ['services/kv/store/index.ts', "import type { Event } from '../../node/runtime/runtime.ts';", /services\/node/],
  ['services/kv/store/index.ts', "import type { Log } from '../../../shared/log/eventLog.ts';", /shared\/log/],
  ['shared/protocol/commit.ts', "import { log } from '../log/eventLog.ts';", /imports shared\/log\/eventLog\.ts/],
  ['shared/bus/bus.ts', "import { log } from '../log/eventLog.ts';", /imports shared\/log\/eventLog\.ts/],
  ['shared/log/memoryLog.ts', "import { x } from '../../services/node/main.ts';", /imports services\/node\/main\.ts/],
  ['services/node/main.ts', "import { x } from '../scheduler/loop.ts';", /imports services\/scheduler\/loop\.ts/],
  ['services/node/main.ts', "import { x } from '../../cli/render.ts';", /imports cli\/render\.ts/],
  ['cli/main.ts', "import { main } from '../services/node/main.ts';", /imports services\/node\/main\.ts/],
  ['cli/main.ts', "await import('../services/node/nodeActor.ts');", /imports services\/node\/nodeActor\.ts/],
  ['cli/client.ts', "import { connect } from '@nats-io/transport-node';", /@nats-io\/transport-node outside its home/],
  ['cli/client.ts', "const nats = await import('@nats-io/jetstream');", /@nats-io\/jetstream outside its home/],
  ['services/node/runtime/process.ts', "import Docker from 'dockerode';", /dockerode outside its home/],
  ['services/node/heartbeat.ts', "import { setup } from 'xstate';", /xstate outside its home/],
  ['cli/commands/up.ts', "import { cac } from 'cac';", /cac outside its home/],
  ['shared/log/leaderActor.ts', "import {\n  customAlphabet,\n} from 'nanoid/non-secure';", /nanoid outside its home/],
  ['cli/render.ts', "import chalk from 'chalk';", /chalk, which has no home/],
  ['cli/render.ts', "import './setup';", /without its extension/],
  ['cli/render.ts', "export { table } from './table';", /without its extension/],
  ['services/node/index.ts', "export * from './nodeActor.ts';", /barrel/],
  ['shared/domain/unit.ts', "import { samples } from './testing/unitSamples.ts';", /which is for tests/],
  ['services/node/journal.ts', "bus.publish('flotilla.log.cluster', data);", /spells out a subject/],
  ['services/node/journal.ts', 'bus.publish(`flotilla.hb.$' + '{id}`, data);', /spells out a subject/],
];

for (const [path, text, complaint] of bad) {
  test(`refused in ${path}: ${text.replaceAll('\n', ' ')}`, () => {
    const violations = findViolations([{ path, text }]);
    assert.equal(violations.length, 1);
    assert.match(violations[0] ?? '', complaint);
  });
}

const good: [path: string, text: string][] = [
  ['services/scheduler/policy/ranking.ts', "import type { Unit } from '../../../shared/domain/unit.ts';"],
  ['services/node/policy/restart.ts', "import type { Exit } from '../runtime/runtime.ts';"],
  ['services/node/policy/restart.ts', "import type { Assignment } from '../../../shared/protocol/node.ts';"],
  ['services/scheduler/main.ts', "import { nanoid } from 'nanoid';\nimport { x } from '../../shared/log/eventLog.ts';"],
  ['cli/main.ts', "const { main } = await import('../services/node/main.ts');"],
  [
    'shared/domain/unit.ts',
    "// unlike Date.now(), import x from 'y'\n/* import 'node:fs' */\nconst at = new Date(ms);",
  ],
  ['shared/domain/testing/judge.ts', "import { execFile } from 'node:child_process';"],
  ['shared/domain/unit.test.ts', "import { test } from 'node:test';"],
  ['shared/protocol/subjects.ts', "const log = 'flotilla.log.cluster';"],
];

for (const [path, text] of good) {
  test(`allowed in ${path}: ${text.replaceAll('\n', ' ')}`, () => {
    assert.deepEqual(findViolations([{ path, text }]), []);
  });
}
