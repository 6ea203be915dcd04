/** The judge is docker's own command line: what it asks of an engine, the runtime has to ask of it, for every verb of a unit. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { systemClock } from '../../../../shared/clock/systemClock.ts';
import { parseDockerCommand } from '../../../../shared/domain/dockerCommand.ts';
import { lastOfEach } from '../../../../shared/domain/dockerRun.ts';
import { interpretUnit } from '../../../../shared/domain/interpretUnit.ts';
import { normalise } from '../../../../shared/domain/testing/createBody.ts';
import {
  type DockerCli,
  findDockerCli,
  type RecordedRequest,
  type Recorder,
  startRecorder,
} from '../../../../shared/domain/testing/dockerCli.ts';
import { parseUnitFile } from '../../../../shared/domain/unitFile.ts';
import { parseUnitName } from '../../../../shared/domain/unitName.ts';
import { createDockerRuntime, type DockerRuntime } from '../docker.ts';

const digest = `sha256:${'0'.repeat(64)}`;

/** Options of each verb, and what it names. */
const verbs: [verb: string, options: string[][], names: string[][]][] = [
  ['kill', [['-s', 'HUP'], ['--signal=9']], [['a'], ['a', 'b']]],
  ['stop', [['-t', '3'], ['-t0']], [['a'], ['a', 'b']]],
  ['restart', [['-t', '3']], [['a'], ['a', 'b']]],
  ['start', [], [['a'], ['a', 'b']]],
  ['rm', [['-f'], ['-v'], ['-fv']], [['a'], ['a', 'b']]],
  ['container rm', [['--force', '--volumes']], [['a']]],
  ['wait', [], [['a'], ['a', 'b']]],
  ['pause', [], [['a'], ['a', 'b']]],
  ['unpause', [], [['a']]],
  [
    'pull',
    [['-q'], ['--platform', 'linux/arm64']],
    [['redis'], ['redis:7'], ['me/x'], ['localhost:5000/x:1'], [`a@${digest}`]],
  ],
  ['rmi', [['-f'], ['--no-prune']], [['redis:7'], ['me/x', 'localhost:5000/y']]],
  ['image rm', [['-f']], [['redis']]],
  ['exec -d', [['-e', 'A=1'], ['-u', 'me'], ['-w', '/x'], ['--privileged'], ['-t']], [['a', 'ls', '-l']]],
  [
    'network create',
    [
      ['--driver', 'bridge'],
      ['--subnet', '10.1.0.0/16', '--gateway', '10.1.0.1', '--ip-range', '10.1.2.0/24', '--aux-address', 'a=10.1.0.9'],
      ['--subnet', '10.2.0.0/16'],
      ['--internal'],
      ['--attachable'],
      ['--label', 'a=b', '--label', 'bare'],
      ['-o', 'x=y'],
      ['--ipv6'],
      ['--ipam-opt', 'q=r', '--ipam-driver', 'own'],
      ['--config-from', 'z'],
      ['--config-only'],
      ['--scope', 'local'],
      ['--ingress'],
    ],
    [['n']],
  ],
  [
    'network connect',
    [
      ['--alias', 'a', '--alias', 'b'],
      ['--ip', '10.0.0.1'],
      ['--ip6', '2001:db8::1'],
      ['--link', 'x:y'],
      ['--link-local-ip', '169.254.0.1'],
      ['--driver-opt', 'a=b'],
    ],
    [['n', 'c']],
  ],
  ['network disconnect', [['-f']], [['n', 'c']]],
  ['network rm', [], [['n'], ['n', 'm']]],
  [
    'volume create',
    [
      ['-d', 'own'],
      ['-o', 'type=tmpfs', '-o', 'device=x'],
      ['--label', 'a=b'],
    ],
    [['v'], []],
  ],
  ['volume rm', [['-f']], [['v'], ['v', 'w']]],
  ['inspect', [['--type', 'image'], ['--type=container']], [['x']]],
  ['network inspect', [], [['n']]],
  ['volume inspect', [], [['v']]],
  ['image inspect', [], [['me/x:1']]],
];

/** What the two need not agree on: looking before leaping, defaults spelled out, and the names of the library of images. */
function essence(requests: readonly RecordedRequest[]): unknown {
  const isInspection = requests.every(({ method }) => method === 'GET');
  const asked = requests
    .filter(({ method, path }) => (isInspection || method !== 'GET') && path !== '/info')
    .map(({ method, path, query, body }) => ({
      method,
      path,
      query: plainQuery(path, query),
      body: plainBody(path, body),
    }));
  // Containers that are stopped together are stopped in any order.
  return asked.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

function plainQuery(path: string, { fromImage, tag, ...query }: Record<string, string>): Record<string, string> {
  const image = fromImage?.replace(/^docker\.io\/(library\/)?/, '');
  const separator = tag?.startsWith('sha256:') ? '@' : ':';
  const told = path.endsWith('/kill') ? { signal: 'SIGKILL', ...query } : query;
  const flags = Object.entries(told).filter(([, value]) => value !== 'false');
  return {
    ...(image === undefined ? {} : { fromImage: tag === undefined ? image : `${image}${separator}${tag}` }),
    ...Object.fromEntries(flags.map(([key, value]) => [key, signals[value] ?? (value === 'true' ? '1' : value)])),
  };
}

const signals: Record<string, string> = { HUP: 'SIGHUP', 9: 'SIGKILL' };

/** Only these have one: the client of the runtime repeats queries there. */
function plainBody(path: string, body: unknown): unknown {
  if (!/\/(create|connect|disconnect|exec)$/.test(path) || path.startsWith('/images')) return {};
  return normalise(sortedSubnets(body) ?? {}) ?? {};
}

/** The docker command gathers subnets in a map: their order is another one each time. */
function sortedSubnets(body: unknown): unknown {
  const { IPAM, ...rest } = (body ?? {}) as { IPAM?: { Config?: { Subnet?: string }[] } };
  if (!IPAM?.Config) return body;
  const bySubnet = (a: { Subnet?: string }, b: { Subnet?: string }) => ((a.Subnet ?? '') < (b.Subnet ?? '') ? -1 : 1);
  return { ...rest, IPAM: { ...IPAM, Config: [...IPAM.Config].sort(bySubnet) } };
}

describe('what the runtime asks of an engine for a docker line', () => {
  let recorder: Recorder;
  let cli: DockerCli | null;
  let runtime: DockerRuntime;
  let directory: string;

  before(async () => {
    recorder = await startRecorder();
    cli = await findDockerCli(recorder);
    runtime = createDockerRuntime({ machine: 'm', clock: systemClock, docker: { socketPath: recorder.socket } });
    directory = await mkdtemp(join(tmpdir(), 'flotilla-verbs-'));
  });
  after(async () => {
    runtime.close();
    await recorder.close();
    await rm(directory, { recursive: true });
  });

  const judge = (t: TestContext): DockerCli | null => {
    if (cli === null) {
      assert.notEqual(process.env.FLOTILLA_REQUIRE_DOCKER, '1', 'the docker command is not here');
      t.skip('the docker command is not here');
    }
    return cli;
  };

  const run = async (words: readonly string[], list: 'ExecStartPre' | 'ExecStart' = 'ExecStartPre') => {
    const { value: name } = parseUnitName('verbs.service');
    assert.ok(name);
    const text = `[Service]\nType=oneshot\n${list}=/usr/bin/docker ${words.map((word) => JSON.stringify(word)).join(' ')}\nExecStart=/bin/true\n`;
    const { spec, problems } = interpretUnit(name, parseUnitFile(text).file);
    const command = (list === 'ExecStart' ? spec?.service?.execStart : spec?.service?.execStartPre)?.[0];
    if (!spec?.service || !command) return { refusal: problems.map(({ message }) => message).join('; '), requests: [] };
    recorder.take();
    const request = { unit: 'verbs.service', command, service: spec.service, environment: {} };
    const exit = await runtime.run(request, new AbortController().signal);
    const code = exit.kind === 'exited' ? exit.code : 1;
    return { refusal: code === 0 ? null : `exit ${code}`, requests: recorder.take() };
  };

  it('is what the docker command asks, for every verb and its options', async (t) => {
    const docker = judge(t);
    if (!docker) return;
    let count = 0;
    let unknown = 0;
    for (const [verb, options, names] of verbs) {
      const combinations = fc
        .sample(fc.shuffledSubarray(options), { numRuns: 4, seed: 1 })
        .map((picked) => picked.flat());
      for (const picked of [[], ...options, ...combinations]) {
        for (const named of names) {
          const words = [...verb.split(' '), ...picked, ...named];
          const theirs = await docker.ask(words);
          if (theirs.refusal !== null && /unknown (shorthand )?flag|requires API version/.test(theirs.refusal)) {
            unknown += 1;
            continue;
          }
          const ours = await run(words);
          count += 1;
          assert.equal(
            ours.refusal === null,
            theirs.refusal === null,
            `${words.join(' ')}: ${theirs.refusal} / ${ours.refusal}`,
          );
          assert.deepEqual(essence(ours.requests), essence(theirs.requests), words.join(' '));
        }
      }
    }
    t.diagnostic(
      `${docker.version}: ${verbs.length} verbs, ${count} lines the same, ${unknown} not known to this docker`,
    );
  });

  it('is nothing where the docker command refuses', async (t) => {
    const docker = judge(t);
    if (!docker) return;
    const bad = [
      'network create',
      'network create a b',
      'network create --gateway 10.2.0.1 n',
      'network create --subnet 10.1.0.0/16 --gateway 10.2.0.1 n',
      'network create --label =x n',
      'network connect n',
      'network connect --gw-priority x n c',
      'network rm',
      'volume create a b',
      'volume create --name a b',
      'volume rm',
      'rmi',
      'rmi -x a',
      'pull',
      'pull UPPER',
      'kill',
      'stop -t x a',
      'wait',
      'exec a',
    ];
    for (const line of bad) {
      const words = line.split(' ');
      assert.notEqual((await docker.ask(words)).refusal, null, `docker takes ${line}`);
      assert.notDeepEqual(parseDockerCommand(['docker', ...words], { substituted: true }).problems, [], line);
    }
  });

  it('has what files say, as the docker command reads them', async (t) => {
    const docker = judge(t);
    if (!docker) return;
    const file = async (name: string, text: string) => {
      const path = join(directory, name);
      await writeFile(path, text);
      return path;
    };
    const environment = await file('env', '# comment\n\nA=1\n  B= spaced \nC=\nFLOTILLA_UNSET\nD=x=y\n');
    const labels = await file('labels', 'one=1\n# none\nbare\ntwo=a=b\n');
    const profile = await file('seccomp.json', '{ "defaultAction": "SCMP_ACT_ALLOW",\n "syscalls": [] }');
    const cases = [
      ['--env-file', environment],
      ['--env-file', environment, '-e', 'A=2'],
      ['--label-file', labels, '--label', 'one=2'],
      ['--security-opt', `seccomp=${profile}`],
      ['--security-opt', `seccomp=${profile}`, '--security-opt', 'label=disable'],
    ];
    const created = (requests: RecordedRequest[]) => requests.find(({ path }) => path === '/containers/create')?.body;
    for (const options of cases) {
      const words = ['run', '-d', ...options, 'image:1'];
      const theirs = created((await docker.ask(words)).requests) as {
        HostConfig: { SecurityOpt?: string[] };
        Env?: string[];
      };
      const ours = created((await run(words)).requests) as typeof theirs & { Labels: Record<string, string> };
      const own = Object.entries(ours.Labels).filter(([key]) => !key.startsWith('flotilla.'));
      const sorted = (body: typeof theirs) => {
        body.HostConfig.SecurityOpt?.sort();
        // What stands twice comes from a file and from the line: of the two the program sees the latter.
        if (body.Env) body.Env = lastOfEach(body.Env);
        return normalise(body);
      };
      assert.deepEqual(
        sorted({ ...ours, Labels: Object.fromEntries(own) } as typeof theirs),
        sorted(theirs),
        options.join(' '),
      );
    }
    const id = join(directory, 'cid');
    await run(['run', '-d', '--cidfile', id, 'image:1']);
    assert.equal(await readFile(id, 'utf8'), 'recorded');
    await rm(id);
    await docker.ask(['run', '-d', '--cidfile', id, 'image:1']);
    assert.equal(await readFile(id, 'utf8'), 'recorded');
  });
});
