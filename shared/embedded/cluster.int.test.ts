import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { connect } from '@nats-io/transport-node';
import { until } from '../../test/support/until.ts';
import { type Cluster, ClusterHeldError, launchCluster } from './cluster.ts';
import { type ClusterFile, clusterFilePath, readClusterFile } from './clusterFile.ts';
import { readIfThere } from './files.ts';
import { identify, type ProcessIdentity } from './processIdentity.ts';

/** A service that does nothing but write down what happens to it, one line an event, in the cluster's directory. */
const fakeService = `
  import { appendFileSync } from 'node:fs';
  const note = (event) => appendFileSync(new URL('journal', import.meta.url), event + '\\n');
  const verb = process.argv[2];
  const dir = process.argv[process.argv.indexOf('--dir') + 1];
  note([verb, 'started', process.argv.slice(3).join(' '), process.env.FLOTILLA_USER].join(' '));
  process.on('SIGTERM', () => { note(verb + ' stopped'); process.exit(0); });
  setInterval(() => {}, 60_000);
`;

interface Setting {
  dir: string;
  command: string[];
  lines: string[];
  launch(): Promise<Cluster>;
  journal(): Promise<string[]>;
}

async function prepare(t: TestContext): Promise<Setting> {
  const root = await mkdtemp(join(tmpdir(), 'flotilla-cluster-'));
  const clusters: Cluster[] = [];
  t.after(async () => {
    await Promise.all(clusters.map((cluster) => cluster.stop()));
    await rm(root, { recursive: true, force: true });
  });
  const dir = join(root, 'cluster');
  await writeFile(join(root, 'service.mjs'), fakeService);
  const command = [process.execPath, join(root, 'service.mjs')];
  const lines: string[] = [];
  return {
    dir,
    command,
    lines,
    async launch() {
      const cluster = await launchCluster({ dir, nodes: 2, command, progress: (line) => lines.push(line) });
      clusters.push(cluster);
      return cluster;
    },
    journal: async () => ((await readIfThere(join(root, 'journal'))) ?? '').split('\n').filter((line) => line !== ''),
  };
}

async function fileOf(dir: string): Promise<ClusterFile> {
  const file = await readClusterFile(dir);
  assert.ok(file);
  return file;
}

async function natsAnswers({ server, user = '', password = '' }: ClusterFile): Promise<void> {
  const connection = await connect({ servers: server, user, pass: password, reconnect: false });
  await connection.close();
}

function identityOf({ pid, startTime }: Partial<ProcessIdentity>): ProcessIdentity {
  assert.ok(pid !== undefined && startTime !== undefined);
  return { pid, startTime };
}

test('a cluster is NATS, a scheduler and nodes, and its file says where', async (t) => {
  const setting = await prepare(t);
  const cluster = await setting.launch();
  const file = await fileOf(setting.dir);
  assert.deepEqual(file, cluster.file);
  await natsAnswers(file);
  assert.equal((await stat(clusterFilePath(setting.dir))).mode & 0o777, 0o600);
  for (const entry of [...file.nats, ...file.schedulers, ...file.nodes]) {
    assert.deepEqual(await identify(identityOf(entry ?? {}).pid), identityOf(entry ?? {}));
  }
  const journal = await until('all have started', async () => {
    const lines = await setting.journal();
    return lines.length === 3 && lines;
  });
  assert.deepEqual(journal.toSorted(), [
    `node started --server ${file.server} --dir ${setting.dir}/nodes/1 flotilla`,
    `node started --server ${file.server} --dir ${setting.dir}/nodes/2 flotilla`,
    `scheduler started --server ${file.server} --dir ${setting.dir}/scheduler-1 flotilla`,
  ]);
});

test('it stops schedulers before nodes and NATS last, and comes back with the same address and machines', async (t) => {
  const setting = await prepare(t);
  const first = await setting.launch();
  await until('all have started', async () => (await setting.journal()).length === 3);
  await first.stop();
  assert.deepEqual((await setting.journal()).slice(3), ['scheduler stopped', 'node stopped', 'node stopped']);
  const stopped = await fileOf(setting.dir);
  assert.deepEqual(
    [stopped, ...stopped.nats, ...stopped.schedulers, ...stopped.nodes].map((entry) => entry?.pid),
    Array(5).fill(undefined),
  );
  await assert.rejects(natsAnswers(stopped));

  const second = await setting.launch();
  assert.equal(second.file.server, stopped.server);
  assert.equal(second.file.password, stopped.password);
  assert.deepEqual(
    second.file.nodes.map((node) => node.id),
    stopped.nodes.map((node) => node.id),
  );
  assert.match(second.file.nodes[0]?.id ?? '', /^[0-9a-f]{32}$/);
  assert.notEqual(second.file.nodes[0]?.id, second.file.nodes[1]?.id);
});

test('a second cluster in the same directory is refused, by who holds it', async (t) => {
  const setting = await prepare(t);
  await setting.launch();
  await assert.rejects(setting.launch(), (error) => {
    assert.ok(error instanceof ClusterHeldError);
    assert.match(error.message, new RegExp(`process ${process.pid} `));
    return true;
  });
});

test('a dead node stays dead until it is started; NATS and schedulers come back by themselves', async (t) => {
  const setting = await prepare(t);
  const cluster = await setting.launch();
  const {
    nats: [nats],
    schedulers,
  } = await fileOf(setting.dir);
  await cluster.killNode(1);
  process.kill(identityOf(nats ?? {}).pid, 'SIGKILL');
  process.kill(identityOf(schedulers[0] ?? {}).pid, 'SIGKILL');
  const after = await until('NATS and the scheduler run again', async () => {
    const file = await fileOf(setting.dir);
    const natsPid = file.nats[0]?.pid ?? nats?.pid;
    const schedulerPid = file.schedulers[0]?.pid ?? schedulers[0]?.pid;
    return natsPid !== nats?.pid && schedulerPid !== schedulers[0]?.pid && file;
  });
  await natsAnswers(after);
  assert.equal(after.nats[0]?.port, nats?.port);
  assert.equal(after.nodes[0]?.pid, undefined);
  await cluster.startNode(1);
  assert.notEqual((await fileOf(setting.dir)).nodes[0]?.pid, undefined);
  assert.equal((await fileOf(setting.dir)).nodes[0]?.id, after.nodes[0]?.id);
});

test('what a killed launcher left running is ended, and its cluster taken over', async (t) => {
  const setting = await prepare(t);
  const launcher = `
    import { launchCluster } from ${JSON.stringify(fileURLToPath(new URL('./cluster.ts', import.meta.url)))};
    const { dir, command } = ${JSON.stringify({ dir: setting.dir, command: setting.command })};
    await launchCluster({ dir, nodes: 2, command, progress() {} });
    console.log('up');
    setInterval(() => {}, 60_000);
  `;
  const args = ['--import', 'tsx', '--input-type=module', '-e', launcher];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  const left = await fileOf(setting.dir);

  const cluster = await setting.launch();
  const processes = [...left.nats, ...left.schedulers, ...left.nodes].map((entry) => identityOf(entry ?? {}));
  for (const { pid, startTime } of processes) assert.notEqual((await identify(pid))?.startTime, startTime);
  assert.equal(setting.lines.filter((line) => line.includes('left over')).length, 4);
  assert.equal(cluster.file.server, left.server);
  await natsAnswers(await fileOf(setting.dir));
  // Nodes were ended in a way that lets their units live.
  assert.ok(!(await setting.journal()).includes('node stopped'));
});

test('a service that cannot be started leaves nothing behind', async (t) => {
  const setting = await prepare(t);
  const launch = launchCluster({ dir: setting.dir, nodes: 1, command: ['/no/such/program'], progress() {} });
  await assert.rejects(launch, /cannot start \/no\/such\/program/);
  await assert.rejects(natsAnswers(await fileOf(setting.dir)));
  await (await setting.launch()).stop();
});
