/** Two versions of Flotilla at once: this one, and one that writes the next schema version and an event of its own. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startChild } from '../../shared/embedded/childProcess.ts';
import { schemaVersion } from '../../shared/protocol/upcasts.ts';
import { startTestCluster } from '../support/cluster.ts';
import type { CleanUp } from '../support/nats.ts';
import { until } from '../support/until.ts';

const dist = fileURLToPath(new URL('../../dist', import.meta.url));
const sleeper = '[Service]\nExecStart=/bin/sleep 100000\n';
const next = schemaVersion + 1;

test('a scheduler of an older version steps back for good when a newer one has led, and all goes on', async (t) => {
  const { client, cluster, cli, dir, unitsUntil } = await startTestCluster(t, { nodes: 1 });
  await client.command({ type: 'StartUnits', units: [{ name: 'a.service', text: sleeper }] });
  const [before] = await unitsUntil('it runs', ([row]) => row?.sub === 'running');
  const newer = await startNewerScheduler(t, dir, cluster.file);

  const older = cluster.file.schedulers[0]?.pid ?? 0;
  process.kill(older, 'SIGSTOP');
  await until('the newer one leads', async () => (await newer.log()).includes('scheduler leading'), 30_000);
  process.kill(older, 'SIGCONT');
  const complaint = new RegExp(
    `commits of schema version ${next}, this Flotilla reads up to ${schemaVersion}: install the newer`,
  );
  const ends = async () => (await olderLog()).split('\n').filter((line) => complaint.test(line)).length;
  const olderLog = () => readFile(join(dir, 'logs/scheduler-1.log'), 'utf8');
  await until('the older one steps back, and again when it is started again', async () => (await ends()) >= 2, 30_000);
  assert.equal((await olderLog()).split('scheduler leading').length, 2, 'it has led only before');

  const reply = await client.command({ type: 'StartUnits', units: [{ name: 'b.service', text: sleeper }] });
  assert.ok(reply.ok);
  const rows = await unitsUntil('both run', (all) => all.filter(({ sub }) => sub === 'running').length === 2);
  assert.equal(rows.find(({ unit }) => unit === 'a.service')?.pid, before?.pid);

  const replay = await cli('replay');
  assert.equal(replay.code, 1);
  assert.match(replay.stderr, complaint);
  assert.doesNotMatch(replay.stderr, /\n\s+at /);
});

/** This version, changed as a release with a new schema would be. */
async function buildNewer(t: CleanUp): Promise<string> {
  // Its packages are found from there.
  const dir = await mkdtemp(join(dist, 'next-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const changes: [string, string][] = [
    [`schemaVersion = ${schemaVersion};`, `schemaVersion = ${next};`],
    ['var upcasts = {};', `var upcasts = { ${schemaVersion}: (commit) => commit };`],
    [
      'const events = [options.elected(projection, epoch)];',
      'const events = [options.elected(projection, epoch), { type: "VersionRaised" }];',
    ],
    [
      'case "LeaderElected":\n      state.leader',
      'case "VersionRaised":\n      return;\n    case "LeaderElected":\n      state.leader',
    ],
  ];
  const left = new Set(changes.map(([from]) => from));
  for (const name of (await readdir(dist)).filter((file) => file.endsWith('.js'))) {
    await cp(join(dist, name), join(dir, name));
    let text = await readFile(join(dir, name), 'utf8');
    for (const [from, to] of changes) {
      if (text.includes(from)) left.delete(from);
      text = text.replaceAll(from, to);
    }
    await writeFile(join(dir, name), text);
  }
  assert.deepEqual([...left], [], 'all that a new version changes was found');
  return join(dir, 'flotilla.js');
}

async function startNewerScheduler(
  t: CleanUp,
  dir: string,
  { server, user = '', password = '' }: { server: string; user?: string; password?: string },
): Promise<{ log(): Promise<string> }> {
  const logFile = join(dir, 'logs/newer.log');
  const env = { ...process.env, FLOTILLA_USER: user, FLOTILLA_PASSWORD: password };
  const argv = [process.execPath, await buildNewer(t), 'scheduler', '--server', server];
  const child = await startChild(argv, { logFile, env });
  t.after(() => child.kill());
  const log = () => readFile(logFile, 'utf8');
  await until('it follows', async () => (await log()).includes('scheduler following'), 30_000);
  return { log };
}
