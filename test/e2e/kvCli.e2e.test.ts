/** `flotilla kv` beside etcdctl with a real etcd: the same words, the same lines. And what etcdctl has not. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { skipWithout, startRealEtcd } from '../../services/kv/etcd/testing/realEtcd.ts';
import { startTestCluster, type TestCluster } from '../support/cluster.ts';
import { until } from '../support/until.ts';

const program = fileURLToPath(new URL('../../dist/flotilla.js', import.meta.url));
const cleanUps: (() => Promise<void>)[] = [];
let cluster: TestCluster;
let dir: string;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'flotilla-kv-cli-'));
  cluster = await startTestCluster({ after: (step) => void cleanUps.push(step) }, { nodes: 0, stores: 1 });
});

after(async () => {
  for (const step of cleanUps) await step();
  await rm(dir, { recursive: true, force: true });
});

interface Result {
  code: number | null;
  out: string;
  err: string;
}

function start(command: readonly string[], env: Record<string, string>): ChildProcess {
  const [file = '', ...args] = command;
  return spawn(file, args, { env: { ...process.env, ...env }, stdio: 'pipe', cwd: dir });
}

async function finish(child: ChildProcess, input = ''): Promise<Result> {
  const result = { out: '', err: '' };
  child.stdout?.setEncoding('latin1').on('data', (data) => (result.out += data));
  child.stderr?.on('data', (data) => (result.err += data));
  child.stdin?.end(input);
  const [code] = await once(child, 'close');
  return { code, ...result };
}

const startOurs = (args: readonly string[]) =>
  start([process.execPath, program, 'kv', ...args], { FLOTILLA_DIR: cluster.dir });
const ours = (args: readonly string[], input?: string) => finish(startOurs(args), input);

/** In the order in which they are run, on an empty store: what is said to etcdctl, and what comes from its input. */
const steps: readonly (readonly [args: readonly string[], input?: string])[] = [
  [['put', 'foo', 'bar']],
  [['put', 'foo', 'baz', '--prev-kv']],
  [['put', 'foo2', 'x y']],
  [['put', 'größe', 'ä\u00a0'], ''],
  [['put', 'piped'], 'from the input\n'],
  [['put', 'dashed', '--', '--value']],
  [['put', 'empty', '']],
  [['put', 'foo2', '--ignore-value']],
  [['put', '', 'x']],
  [['put', 'leased', 'x', '--lease=123']],
  [['get', 'foo']],
  [['get', 'nothing']],
  [['get', 'foo', '--prefix']],
  [['get', 'foo', 'foo2']],
  [['get', 'foo', '--from-key']],
  [['get', '', '--prefix', '--keys-only']],
  [['get', 'fo', '--prefix', '--print-value-only']],
  [['get', '', '--prefix', '--limit=2']],
  [['get', '', '--prefix', '--sort-by=CREATE', '--order=DESCEND']],
  [['get', '', '--prefix', '--sort-by=MODIFY']],
  [['get', '', '--prefix', '--order=descend', '--limit', '3', '--keys-only']],
  [['get', 'foo', '--rev=2']],
  [['get', 'foo', '--rev=1000']],
  [['get', 'foo', '--consistency=s']],
  [['txn'], 'mod("foo") > "0"\nval("foo") = "baz"\n\nput a "b c"\nget foo2\ndel nothing\n\nget foo\n\n'],
  [['txn'], 'ver("foo") = "9"\ncreate("foo") != "7"\n\nput a other\n\nget a\ndel --prefix dash --prev-kv\n\n'],
  [['txn'], '\n\n\n'],
  [['txn'], 'nonsense\n\n\n\n'],
  [['del', 'a']],
  [['del', 'a']],
  [['del', 'foo', '--prefix', '--prev-kv']],
  [['lease', 'list']],
  [['lease', 'timetolive', '1f', '--keys']],
  [['lease', 'revoke', '1f']],
  [['lease', 'keep-alive', '--once', '1f']],
  [['compaction', '4']],
  [['compaction', '4']],
  [['get', 'foo', '--rev=2']],
];

/** Verbs that have another name here. */
const renamed: Record<string, string> = { compaction: 'compact' };

test('everything that etcdctl prints with etcd, flotilla kv prints with Flotilla', {
  skip: (await skipWithout('etcd')) || (await skipWithout('etcdctl')),
}, async (t) => {
  const port = await startRealEtcd(t);
  const patience = { ETCDCTL_DIAL_TIMEOUT: '30s', ETCDCTL_COMMAND_TIMEOUT: '30s' };
  const env = { ETCDCTL_API: '3', ETCDCTL_ENDPOINTS: `127.0.0.1:${port}`, ...patience };
  for (const [args, input] of steps) {
    const [verb = '', ...rest] = args;
    const judge = await finish(start(['etcdctl', ...args], env), input);
    const result = await ours([renamed[verb] ?? verb, ...rest], input);
    const said = `${args.join(' ')}\netcdctl: ${judge.err}\nflotilla: ${result.err}`;
    assert.deepEqual(
      { out: result.out, worked: result.code === 0 },
      { out: judge.out, worked: judge.code === 0 },
      said,
    );
    if (result.code !== 0) assert.match(result.err, /^flotilla: \S/, said);
  }
});

test('a watch prints as etcdctl does, from the past and as it comes', async (t) => {
  const { out } = await ours(['put', 'w/1', 'one', '--json']);
  const { revision } = JSON.parse(out).header;
  const watching = startOurs(['watch', 'w/', '--prefix', '--prev-kv', '--rev', String(revision)]);
  t.after(() => void watching.kill());
  let seen = '';
  watching.stdout?.on('data', (data) => (seen += data));
  await until('the past is seen', () => seen === 'PUT\nw/1\none\n');
  await ours(['put', 'w/1', 'two']);
  await ours(['del', 'w/1']);
  await until('the present is seen', () => seen.endsWith('PUT\nw/1\none\nw/1\ntwo\nDELETE\nw/1\ntwo\nw/1\n\n'), 5_000);
  const over = once(watching, 'exit');
  watching.kill('SIGINT');
  assert.deepEqual(await over, [0, null]);
});

test('JSON has bytes in base64 and etcd’s names', async () => {
  await ours(['put', 'j', 'v']);
  const { header, ...answer } = JSON.parse((await ours(['get', 'j', '-w', 'json'])).out);
  const [kv] = answer.kvs;
  assert.deepEqual(answer, { kvs: [{ ...kv, key: 'ag==', value: 'dg==', version: 1 }], count: 1 });
  assert.equal(kv.mod_revision, header.revision);
});

test('a lease takes its keys with it', async () => {
  const granted = await ours(['lease', 'grant', '600']);
  const [, lease = ''] = /^lease ([0-9a-f]+) granted with TTL\(600s\)\n$/.exec(granted.out) ?? [];
  await ours(['put', 'leased', 'x', `--lease=${lease}`]);
  assert.match((await ours(['lease', 'list'])).out, new RegExp(`^found 1 leases\n${lease}\n$`));
  const left = await ours(['lease', 'timetolive', lease, '--keys']);
  assert.match(left.out, /granted with TTL\(600s\), remaining\(\d+s\), attached keys\(\[leased\]\)\n$/);
  assert.equal((await ours(['lease', 'keep-alive', '--once', lease])).out, `lease ${lease} keepalived with TTL(600)\n`);
  assert.equal((await ours(['lease', 'revoke', lease])).out, `lease ${lease} revoked\n`);
  assert.equal((await ours(['get', 'leased'])).out, '');
});

test('commands under a lock run one after the other, each with a higher token', async () => {
  const file = join(dir, 'log');
  await writeFile(file, '');
  const script =
    'echo "$FLOTILLA_LOCK_TOKEN in $ETCD_LOCK_KEY" >> log; sleep 0.2; echo "$FLOTILLA_LOCK_TOKEN out" >> log; exit 7';
  const results = await Promise.all([1, 2, 3].map(() => ours(['lock', 'l', '--', 'sh', '-c', script])));
  assert.deepEqual(
    results.map(({ code }) => code),
    [7, 7, 7],
    results.map(({ err }) => err).join(),
  );
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  const tokens = lines.map((line) => Number.parseInt(line, 10));
  assert.deepEqual(
    lines.map((line) => line.split(' ')[1]),
    ['in', 'out', 'in', 'out', 'in', 'out'],
  );
  assert.deepEqual(
    tokens,
    [...tokens].sort((a, b) => a - b),
  );
  assert.match(lines[0] ?? '', /in l\/[0-9a-f]+$/);
  assert.equal((await ours(['get', 'l/', '--prefix', '--count-only'])).out, '0\n');
});

test('a lock is held until it is interrupted, an election is led, and both are given back', async (t) => {
  const [locking, leading, looking] = [
    ['lock', 'h'],
    ['elect', 'e', 'me'],
    ['elect', '-l', 'e'],
  ].map((args) => startOurs(args));
  assert.ok(locking && leading && looking);
  t.after(() => [locking, leading, looking].forEach((child) => void child.kill()));
  let seen = '';
  let held = '';
  looking.stdout?.on('data', (data) => (seen += data));
  locking.stdout?.on('data', (data) => (held += data));
  await until('the leader is seen', () => /^e\/[0-9a-f]+\nme\n$/.test(seen));
  await until('the lock is held', () => /^h\/[0-9a-f]+\n$/.test(held));
  for (const child of [locking, leading, looking]) {
    const over = once(child, 'exit');
    child.kill('SIGINT');
    assert.deepEqual(await over, [0, null]);
  }
  for (const key of ['h/', 'e/']) assert.equal((await ours(['get', key, '--prefix'])).out, '');
});

test('a snapshot is saved, described, and known to be damaged when it is', async () => {
  const saved = await ours(['snapshot', 'save', 'snap']);
  assert.deepEqual([saved.out, saved.code], ['Snapshot saved at snap\n', 0], saved.err);
  const count = (await ours(['get', '', '--prefix', '--count-only'])).out.trim();
  const { out } = await ours(['snapshot', 'status', 'snap']);
  assert.match(out, new RegExp(`^[0-9a-f]{8}, \\d+, ${count}, \\d+ bytes\n$`));
  const bytes = await readFile(join(dir, 'snap'));
  const middle = bytes.length >> 1;
  bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
  await writeFile(join(dir, 'bad'), bytes);
  assert.match((await ours(['snapshot', 'status', 'bad'])).err, /bad is damaged/);
  const { file } = cluster.cluster;
  const etcdctl = ['etcdctl', '--endpoints', `127.0.0.1:${file.stores[0]?.port}`, 'snapshot', 'save', 'theirs'];
  if (!(await skipWithout('etcdctl'))) {
    assert.equal((await finish(start(etcdctl, { ETCDCTL_API: '3' }))).code, 0);
    assert.match((await ours(['snapshot', 'status', 'theirs'])).out, /^[0-9a-f]{8}, -, -, \d+ bytes\n$/);
  }
  await writeFile(join(dir, 'other'), 'something else');
  assert.match((await ours(['snapshot', 'status', 'other'])).err, /other is no snapshot/);
  assert.match((await ours(['snapshot', 'status', 'nowhere'])).err, /nowhere cannot be read/);
});

test('status and members say how the store is and where clients of etcd reach it', async () => {
  const [{ port } = { port: 0 }] = cluster.cluster.file.stores;
  assert.match((await ours(['status'])).out, /^store +kv-1 .*it leads/m);
  assert.match((await ours(['members'])).out, new RegExp(`, started, kv-1, http://127.0.0.1:${port}\n`));
  const [member] = JSON.parse((await ours(['members', '--json'])).out).members;
  assert.deepEqual([member.name, member.client_urls], ['kv-1', [`http://127.0.0.1:${port}`]]);
});

test('wrong usage exits with 2 and says what would be right', async () => {
  const calls: [args: string[], says: RegExp][] = [
    [['gte', 'a'], /did you mean "kv get"\?/],
    [['lease', 'grnt', '5'], /did you mean "kv lease grant"\?/],
    [['put'], /"kv put" needs an argument; usage: flotilla kv put KEY \[VALUE\]/],
    [['get', 'a', '--prefx'], /did you mean --prefix\?/],
    [['get', 'a', 'b', '--prefix'], /RANGE-END does not go together/],
    [['lease', 'revoke', 'xyz'], /"xyz" is no lease/],
    [['elect', 'e'], /either PROPOSAL/],
    [[], /Usage: flotilla kv VERB/],
  ];
  for (const [args, says] of calls) {
    const { code, err, out } = await ours(args);
    assert.match(err, says);
    assert.deepEqual([code, out], [2, ''], args.join(' '));
  }
});
