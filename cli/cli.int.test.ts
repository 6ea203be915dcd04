/** The program as people and scripts call it: arguments in; output, errors and exit code out; against a real cluster. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { createNatsBus } from '../shared/bus/natsBus.ts';
import { connectNats } from '../shared/bus/natsConnection.ts';
import { createJetStreamLog } from '../shared/log/jetStreamLog.ts';
import { encodeCommit } from '../shared/protocol/commit.ts';
import { streams, subjects } from '../shared/protocol/subjects.ts';
import { startTestNats, type TestNats } from '../test/support/nats.ts';
import { until } from '../test/support/until.ts';

interface Result {
  code: number | null;
  out: string;
  err: string;
}

const program = ['--import', import.meta.resolve('tsx'), join(import.meta.dirname, 'main.ts')];
let dir: string;
let nats: TestNats;
const services: ChildProcess[] = [];
const cleanUps: (() => Promise<void>)[] = [];

/** Environment of a cluster's client; nothing of the caller's own Flotilla gets in. */
function environment(extra: Record<string, string>): Record<string, string> {
  const own = Object.entries(process.env).filter(([name]) => !/^(FLOTILLA_|NO_COLOR|FORCE_COLOR|NODE_)/.test(name));
  return { ...Object.fromEntries(own.map(([name, value]) => [name, value ?? ''])), ...extra };
}

const access = () => ({ FLOTILLA_SERVER: nats.url, FLOTILLA_USER: nats.user, FLOTILLA_PASSWORD: nats.password });

function start(args: string[], env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, [...program, ...args], { cwd: dir, env: environment(env), stdio: 'pipe' });
}

async function finish(child: ChildProcess): Promise<Result> {
  const result = { out: '', err: '' };
  child.stdout?.on('data', (data) => (result.out += data));
  child.stderr?.on('data', (data) => (result.err += data));
  const [code] = await once(child, 'close');
  return { code, ...result };
}

/** Runs a verb with the test's cluster, or with none (`{}`). */
function flotilla(args: string[], env: Record<string, string> = access()): Promise<Result> {
  return finish(start(args, env));
}

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'flotilla-cli-'));
  nats = await startTestNats({ after: (fn) => void cleanUps.push(fn) });
  const sleeper =
    '[Unit]\nDescription=Talks, then sleeps\n[Service]\nExecStart=/bin/sh -c "echo hello %i; exec sleep 600"\n';
  await writeFile(join(dir, 'talk@.service'), sleeper);
  await writeFile(join(dir, 'fails.service'), '[Service]\nExecStart=/bin/sh -c "exit 3"\n');
  await writeFile(join(dir, 'nowhere.service'), `${sleeper}[X-Fleet]\nMachineMetadata=zone=moon\n`);
  await writeFile(join(dir, 'broken.service'), '[Service]\nExecStart=/bin/true\nno assignment\n');
  for (const args of [
    ['scheduler', '--dir', join(dir, 'scheduler')],
    ['node', '--dir', join(dir, 'node'), '--runtime', 'process', '--metadata', 'zone=earth', '--ip', '10.1.2.3'],
  ]) {
    const child = start(args, access());
    child.stdout?.resume();
    child.stderr?.resume();
    services.push(child);
  }
  const hasJoined = async () => {
    const { code, out } = await flotilla(['list-machines', '--json']);
    return code === 0 && JSON.parse(out).length === 1;
  };
  await until('the node has joined', hasJoined, 30_000);
});

after(async () => {
  if (nats) await flotilla(['destroy', '*']);
  for (const child of services.reverse()) {
    const exited = once(child, 'exit');
    if (child.kill('SIGTERM')) await exited;
  }
  for (const cleanUp of cleanUps) await cleanUp();
  if (dir) await rm(dir, { recursive: true, force: true });
});

test('a unit is started, seen, listened to, shown, stopped and destroyed', async () => {
  const started = await flotilla(['start', 'talk@1']);
  assert.match(started.out, /^Unit talk@1\.service launched on [0-9a-f]{8}…\/10\.1\.2\.3\n$/);
  assert.equal(started.code, 0);

  const [unit] = JSON.parse((await flotilla(['list-units', '--json'])).out);
  const { machine, hash, ...rest } = unit;
  assert.deepEqual(rest, { unit: 'talk@1.service', load: 'loaded', active: 'active', sub: 'running' });
  assert.match(machine, /^[0-9a-f]{32}$/);
  assert.match(hash, /^[0-9a-f]{40}$/);

  assert.equal((await flotilla(['journal', 'talk@1'])).out, 'hello 1\n');
  const iso = await flotilla(['journal', 'talk@1', '--since', '-1h', '-o', 'short-iso']);
  assert.match(iso.out, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} \S+ talk@1\.service: hello 1\n$/);
  assert.equal((await flotilla(['journal', 'talk@*', '--until', '-1h'])).out, '');
  const json = JSON.parse((await flotilla(['journal', 'talk@1', '-r', '-o', 'json'])).out);
  assert.deepEqual([json.MESSAGE, json._SYSTEMD_UNIT, json._MACHINE_ID], ['hello 1', 'talk@1.service', machine]);
  assert.ok(Math.abs(Number(json.__REALTIME_TIMESTAMP) / 1000 - Date.now()) < 600_000);
  assert.match((await flotilla(['journal', 'talk@1', '--since', 'soon'])).err, /--since takes a moment .*not "soon"/);
  assert.match((await flotilla(['cat', 'talk@1'])).out, /^\[Unit\]\nDescription=Talks.*sleep 600"\n$/s);
  const status = await flotilla(['status', 'talk@*']);
  assert.match(
    status.out,
    /● talk@1\.service.*Active: active \(running\).*Main PID: \d+ \(\w+\).*(?:CGroup|Processes): .*\d+ .*\n\w{3} \d\d [\d:]{8} \S+ talk@1\.service: hello 1\n/s,
  );

  assert.match((await flotilla(['stop', 'talk@1'])).out, /^Unit talk@1\.service loaded on /);
  assert.deepEqual(await flotilla(['destroy', 'talk@*']), { code: 0, out: 'Destroyed talk@1.service\n', err: '' });
  assert.equal((await flotilla(['list-unit-files', '--json'])).out, '[]\n');
});

test('a unit that fails at once is a failure with its reason', async () => {
  const { code, err } = await flotilla(['start', 'fails']);
  assert.match(err, /Unit fails\.service failed on .*status 3.*see: flotilla journal fails\.service/);
  assert.equal(code, 1);
});

test('a unit that no machine may take says why, and stays wished', async () => {
  const { code, err } = await flotilla(['start', 'nowhere.service']);
  assert.match(err, /Unit nowhere\.service has no machine:\n {2}[0-9a-f]{8}…: .*zone.*moon.*\n.*stays launched/);
  assert.equal(code, 1);
  const files = JSON.parse((await flotilla(['list-unit-files', '--json'])).out);
  assert.equal(files.find(({ unit }: { unit: string }) => unit === 'nowhere.service').desired, 'launched');
});

test('a refused command says why, changes nothing and exits with 1', async () => {
  const unknown = await flotilla(['start', 'nonesuch']);
  assert.match(unknown.err, /nonesuch\.service is not known to the cluster\n.*no unit file was found here/);
  const broken = await flotilla(['start', 'broken.service', 'talk@7']);
  assert.match(broken.err, /nothing was sent.*\n {2}broken\.service:3: error: /);
  assert.deepEqual([unknown.code, broken.code], [1, 1]);
  assert.doesNotMatch((await flotilla(['list-unit-files'])).out, /talk@7|broken|nonesuch/);
});

test('versions of a unit stay on the log, and each can be shown', async () => {
  await flotilla(['submit', 'talk@8']);
  await writeFile(join(dir, 'talk@8.service'), '[Service]\nExecStart=/bin/sleep 8\n');
  assert.equal((await flotilla(['submit', 'talk@8', '--replace'])).code, 0);
  await flotilla(['destroy', 'talk@8']);
  const { out } = await flotilla(['history', 'talk@8', '--no-legend']);
  assert.match(out, /^1 {2,}\w{7} .* replaced \d.*\n2 {2,}\w{7} .* destroyed \d.*\n$/);
  assert.equal((await flotilla(['cat', 'talk@8', '--version', '2'])).out, '[Service]\nExecStart=/bin/sleep 8\n');
  assert.match((await flotilla(['cat', '--version=1', 'talk@8'])).out, /^\[Unit\]\nDescription=Talks/);
  assert.match((await flotilla(['cat', 'talk@8', '--version', '3'])).err, /no version 3: it has had 2/);
  assert.match((await flotilla(['--version'])).out, /^flotilla \d/);
});

test('metadata of a machine is set and taken away by its host name; nonsense is wrong usage', async () => {
  const listed = await flotilla(['list-machines', '--fields', 'hostname', '--no-legend']);
  const hostname = listed.out.trim();
  const set = await flotilla(['metadata', 'set', hostname, 'zone=mars', 'rack=7']);
  assert.match(set.out, /has the metadata rack=7,zone=mars\n$/);
  const unset = await flotilla(['metadata', 'unset', hostname, 'rack']);
  assert.match(unset.out, /has the metadata zone=mars\n$/);
  assert.equal((await flotilla(['metadata', 'set', hostname, 'zone=earth'])).code, 0);
  const bad = await flotilla(['metadata', 'set', hostname, 'zone']);
  assert.deepEqual([bad.code, /key=value/.test(bad.err)], [2, true]);
});

test('a list shows the fields that were asked for, in the order that was asked for', async () => {
  await flotilla(['start', 'talk@{5..6}', '--block-attempts', '30']);
  const { out } = await flotilla(['list-units', '--fields', 'sub,unit', '--sort-by', 'unit', '--no-legend']);
  assert.match(out, /running {2}talk@5\.service\nrunning {2}talk@6\.service\n/);
  await flotilla(['destroy', 'talk@{5,6}']);
});

test('the history is a line a commit for programs, and in words for people', async () => {
  await flotilla(['start', '--no-block', 'talk@2']);
  const { out } = await flotilla(['events', '--json', '--unit', 'talk@2']);
  const commits = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.ok(
    commits.every(({ seq, subject, prev }) => seq > 0 && subject.startsWith('flotilla.') && prev !== undefined),
  );
  const placed = commits.flatMap(({ events }) => events).find(({ type }) => type === 'UnitPlaced');
  assert.equal(placed.unit, 'talk@2.service');
  const words = await flotilla(['events', '--since', '1h', '--unit', 'talk@2']);
  assert.match(words.out, /#\d+ {2}scheduler\/.*talk@2\.service placed on [0-9a-f]{8}….*\(StartUnits by .+@.+\)/);
});

test('events go on as they come when they are followed', async (t) => {
  const following = start(['events', '-f', '--unit', 'talk@3'], access());
  t.after(() => void following.kill());
  let seen = '';
  following.stdout?.on('data', (data) => (seen += data));
  await flotilla(['start', 'talk@3']);
  await until('the start is seen', () => seen.includes('talk@3.service active (running)'));
});

test('replay comes to the live state, and can stop at any sequence', async () => {
  const { code, out } = await flotilla(['replay']);
  assert.match(out, /replayed \d+ events in \d+ commits.*events\/s/);
  assert.match(out, /state hash [0-9a-f]{64} agrees with the live state at sequence \d+/);
  assert.equal(code, 0);
  assert.match((await flotilla(['replay', '--at', '1'])).out, /The state at sequence 1:\n\nMACHINE/);
  const state = JSON.parse((await flotilla(['replay', '--at', '1s', '--json'])).out);
  assert.equal(state.machines.length, 1);
});

test('replay fails loudly when the log was written to by something else', async (t) => {
  const forged = await startTestNats(t);
  const link = await connectNats({ server: forged.url, user: forged.user, password: forged.password, name: 'forger' });
  t.after(link.close);
  const { ensureStreams } = await import('../shared/log/jetStreamStreams.ts');
  await ensureStreams(link);
  const log = await createJetStreamLog(link, { stream: streams.log });
  const commit = { v: 1, id: 'x', at: 0, by: 'forger', cause: 'malice', prev: 'f'.repeat(64), events: [] };
  await log.append({ subject: subjects.clusterLog, id: 'x', data: encodeCommit(commit), expectedSeq: 0 });
  const env = { FLOTILLA_SERVER: forged.url, FLOTILLA_USER: forged.user, FLOTILLA_PASSWORD: forged.password };
  const { code, err } = await flotilla(['replay', '--offline'], env);
  assert.match(err, /history of flotilla\.log\.cluster is broken at sequence 1/);
  assert.equal(code, 1);
});

test('a state that differs from the live one is told loudly', async (t) => {
  const other = await startTestNats(t);
  const link = await connectNats({ server: other.url, user: other.user, password: other.password, name: 'liar' });
  t.after(link.close);
  const { ensureStreams } = await import('../shared/log/jetStreamStreams.ts');
  await ensureStreams(link);
  const status = { ok: true, seq: 0, data: { stateHash: 'ab'.repeat(32) } };
  createNatsBus(link).subscribe(subjects.leaderQueries, (message) =>
    message.respond(Buffer.from(JSON.stringify(status))),
  );
  await link.nc.flush();
  const env = { FLOTILLA_SERVER: other.url, FLOTILLA_USER: other.user, FLOTILLA_PASSWORD: other.password };
  const { code, err } = await flotilla(['replay'], env);
  assert.match(err, /THE LOG AND THE LIVE STATE DIFFER\n.*replayed: .*\n.*live: {5}state hash (ab){32}/);
  assert.equal(code, 1);
});

test('wrong usage exits with 2 and says what would be right', async () => {
  const calls: [args: string[], says: RegExp][] = [
    [['lst-units'], /did you mean "list-units"\?/],
    [['start'], /"start" needs an argument; usage: flotilla start UNIT\.\.\./],
    [['list-units', '--ful'], /did you mean --full\?/],
    [['events', '--since', 'never'], /--since takes a sequence/],
    [['node', '--metadata', 'zone'], /"zone" is not of the form key=value/],
    [[], /Usage: flotilla VERB/],
  ];
  for (const [args, says] of calls) {
    const { code, err, out } = await flotilla(args, {});
    assert.match(err, says);
    assert.deepEqual([code, out], [2, '']);
  }
});

test('help and version need no cluster', async () => {
  assert.match((await flotilla(['help'], {})).out, /list-units/);
  assert.match((await flotilla(['start', '--help'], {})).out, /--no-block/);
  assert.match((await flotilla(['--version'], {})).out, /^flotilla \d+\.\d+\.\d+\n$/);
});

test('what looks like a number stays as it was typed', async () => {
  const { err } = await flotilla(['events', '--since', '7', '--server', '127.0.0.1:1'], {});
  assert.match(err, /NATS is not reachable/);
  const unit = await flotilla(['verify', '1e3'], {});
  assert.match(unit.out, /^1e3: error: there is no such file/);
});

test('without a cluster it says how to start one', async () => {
  const { code, err } = await flotilla(['list-units'], {});
  assert.match(err, /there is no .*\.flotilla\/flotilla\.json.*"flotilla up"/);
  assert.equal(code, 1);
});

test('a server that does not answer is named, within 5 s', async (t: TestContext) => {
  const silent = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.after(() => void silent.close());
  const { port } = silent.address() as { port: number };
  for (const server of ['127.0.0.1:1', `127.0.0.1:${port}`]) {
    const startedMs = performance.now();
    const { code, err } = await flotilla(['list-units', '--server', server], {});
    assert.ok(err.includes(`nats://${server}`) && err.includes('flotilla up'), err);
    assert.equal(code, 1);
    assert.ok(performance.now() - startedMs < 5_000);
  }
});

test('wrong credentials are said to be wrong, and not shown', async () => {
  const { code, err } = await flotilla(['list-units'], { ...access(), FLOTILLA_PASSWORD: 'not-the-password' });
  assert.match(err, /does not let user "flotilla" in/);
  assert.ok(!err.includes('not-the-password'));
  assert.equal(code, 1);
});

test('output that nobody reads any more ends it quietly', async () => {
  const child = start(['events'], access());
  child.stdout?.destroy();
  const { err } = await finish(child);
  assert.equal(err, '');
});
