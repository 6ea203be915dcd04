/**
 * The judge is docker's own command line: what it sends to an engine is what the translator has to make, and what it
 * refuses has to be refused. An older command line judges what it knows; what it does not know it says itself.
 *
 * FLOTILLA_DOCKER_CASES sets how many values of each option are tried, and a tenth of how many combinations (default 6).
 */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { parseDockerCommand } from './dockerCommand.ts';
import { runOptions } from './dockerRunOptions.ts';
import { normalise } from './testing/createBody.ts';
import { type DockerCli, findDockerCli, optionsInHelp, type Recorder, startRecorder } from './testing/dockerCli.ts';
import { flagValues, runValues } from './testing/dockerRunValues.ts';

const cases = Number(process.env.FLOTILLA_DOCKER_CASES ?? 6);
/** The same values in each run, unless more are asked for: then others each time. */
const seeded = process.env.FLOTILLA_DOCKER_CASES === undefined ? { seed: 1 } : {};

/** What the command line hands on as it is and the engine refuses, or what Flotilla does not do: refused at submit here. */
const refusedEarlier = new Set(
  'blkio-weight cpus device expose ip ip6 ipc isolation label link-local-ip mount name net network oom-score-adj pull restart ulimit use-api-socket volume'.split(
    ' ',
  ),
);
/** Their values are files or registries, which are not looked at before the unit runs. */
const readLater = new Set(['cidfile', 'env-file', 'label-file', 'disable-content-trust', 'security-opt']);
/** What command lines before version 25 read otherwise. */
const changed = new Set(
  'add-host cap-add cap-drop device device-read-bps device-write-bps env gpus ip ip6 kernel-memory link link-local-ip mac-address memory memory-reservation memory-swap mount net network net-alias network-alias platform publish pull security-opt shm-size ulimit volume'.split(
    ' ',
  ),
);
const notKnown = /unknown (shorthand )?flag|unexpected key|requires API version/;

type Verdict = 'same' | 'refused by both' | 'refused by Flotilla alone' | 'not known to this docker' | 'read later';

describe('the translation of docker run, judged by the docker command', () => {
  let recorder: Recorder;
  let cli: DockerCli | null;
  let serial = 0;

  before(async () => {
    recorder = await startRecorder();
    cli = await findDockerCli(recorder);
  });
  after(() => recorder.close());

  const judge = (t: TestContext): DockerCli | null => {
    if (cli === null) {
      assert.notEqual(process.env.FLOTILLA_REQUIRE_DOCKER, '1', 'the docker command is not here');
      t.skip('the docker command is not here');
    }
    return cli;
  };
  const isOld = () => Number(/version (\d+)/.exec(cli?.version ?? '')?.[1]) < 25;

  /** Throws where the two differ. */
  const compare = async (options: readonly string[], names: readonly string[]): Promise<Verdict> => {
    const tail = names.includes('name') ? ['image:1', '-x'] : ['--name', `case${++serial}`, 'image:1', '-x', '--rm'];
    // What only `run` knows is asked of a run in the background: nobody would answer to one in the foreground.
    const background = names.some((name) => /^(detach|detach-keys|sig-proxy)$/.test(name));
    const words = [...(background ? ['-d'] : []), ...options, ...tail];
    const verdict = await cli?.ask([background ? 'run' : 'create', ...words]);
    const { command, problems } = parseDockerCommand(['docker', 'run', ...words], { substituted: true });
    const refusal = verdict?.refusal ?? null;
    const told = `${options.join(' ')}\n  docker: ${refusal ?? 'takes it'}\n  Flotilla: ${problems.join('; ') || 'takes it'}`;
    if (refusal !== null && notKnown.test(refusal) && isOld()) return 'not known to this docker';
    if (refusal !== null && command === null) return 'refused by both';
    if (names.some((name) => readLater.has(name)) && (refusal !== null || command === null)) return 'read later';
    if (isOld() && names.some((name) => changed.has(name))) return 'not known to this docker';
    if (refusal === null && command === null && names.some((name) => refusedEarlier.has(name))) {
      return 'refused by Flotilla alone';
    }
    if (command?.verb !== 'run' || refusal !== null) assert.fail(told);
    const created = verdict?.requests.find(({ path }) => path === '/containers/create');
    assert.deepEqual(normalise(command.body), normalise(created?.body), told);
    return 'same';
  };

  const tally = (verdicts: readonly Verdict[]): string => {
    const kinds = [...new Set(verdicts)];
    return kinds.map((kind) => `${verdicts.filter((each) => each === kind).length} ${kind}`).join(', ');
  };

  /** Words of options whose values both take. */
  const agreed: { words: string[]; name: string }[] = [];

  it('every option that docker has means what docker means by it, and what docker refuses is refused', async (t) => {
    const docker = judge(t);
    if (!docker) return;
    const listed = optionsInHelp(await docker.help('run'));
    listed.delete('help');
    for (const hidden of ['net', 'net-alias', 'dns-opt']) listed.set(hidden, 'list');
    assert.ok(listed.size > 90, `${listed.size} options were read from docker run --help`);
    const verdicts: Verdict[] = [];
    for (const [name, kind] of listed) {
      // Without an answer it would run in the foreground.
      const noAnswer = (word: string) => name === 'detach' && /=(false|0|F)$/.test(word);
      assert.ok(Object.hasOwn(runOptions, name), `--${name} is an option of ${docker.version}, and of nobody here`);
      const values = kind === undefined ? flagValues : runValues[name];
      assert.ok(values, `there are no values for --${name}`);
      for (const value of new Set(fc.sample(values, { numRuns: cases, ...seeded }))) {
        const words = kind === undefined ? [`--${name}${value}`] : [`--${name}`, value];
        if (words.some(noAnswer)) continue;
        const verdict = await compare(words, [name]);
        verdicts.push(verdict);
        if (verdict === 'same' && !/^(name|detach|attach)$/.test(name)) agreed.push({ words, name });
      }
    }
    t.diagnostic(`${docker.version}: ${listed.size} options, ${verdicts.length} values: ${tally(verdicts)}`);
    assert.ok(agreed.length > listed.size / 2, `only ${agreed.length} values were taken by both`);
  });

  it('options mean the same in any company and any order', async (t) => {
    const docker = judge(t);
    if (!docker) return;
    const verdicts: Verdict[] = [];
    const lines = fc.shuffledSubarray(agreed, { minLength: 2, maxLength: 20 });
    const property = fc.asyncProperty(lines, async (picked) => {
      verdicts.push(
        await compare(
          picked.flatMap(({ words }) => words),
          picked.map(({ name }) => name),
        ),
      );
    });
    await fc.assert(property, { numRuns: cases * 40, ...seeded });
    t.diagnostic(`${docker.version}: ${verdicts.length} combinations: ${tally(verdicts)}`);
  });

  /** Short options, clusters, and combinations with a meaning of their own. */
  const lines: string[][] = [
    ['-itp90:90', '-uroot'],
    ['-eA=1', '-e', 'B'],
    ['-v/a:/b', '-w/x', '-m64m', '-c5', '-hweb', '-lk=v', '-aSTDOUT', '-P', '-q'],
    ['--'],
    ['--entrypoint=', '--rm'],
    ['--network', 'host', '-p', '80:80'],
    ['--network', 'host', '--network-alias', 'x'],
    ['--network', 'host', '--network', 'mine'],
    ['--network', 'one', '--network', 'two'],
    ['--network', 'mine', '--network', 'mine'],
    ['--network', 'container:x', '--hostname', 'y'],
    ['--network', 'name=mine,ip=10.0.0.5', '--ip', '10.0.0.6'],
    ['--network', 'name=mine,alias=a', '--network-alias', 'b'],
    ['--network', 'mine', '--ip', '10.0.0.5', '--network-alias', 'x', '--net-alias=y', '--link', 'db:d'],
    ['--network', 'name=one,mac-address=92:d0:c6:0a:29:33', '--mac-address', '92:d0:c6:0a:29:34'],
    ['--network', 'mine', '--mac-address', '92:d0:c6:0a:29:33', '--link-local-ip', '169.254.1.1'],
    ['--no-healthcheck', '--health-cmd', 'x'],
    ['--no-healthcheck', '--health-interval', '5s'],
    ['--health-cmd=x', '--health-timeout', '500ms', '--health-start-period=1h', '--health-retries', '3'],
    ['--rm', '--restart', 'no'],
    ['--log-driver', 'none', '--log-opt', 'a=b'],
    ['--userns', 'host', '--privileged'],
    ['--cap-add', 'ALL', '--cap-add', 'net_admin', '--cap-drop', 'all', '--cap-drop', 'x'],
    ['--cap-add', 'net_admin', '--cap-drop', 'NET_ADMIN'],
    ['--tmpfs', '/run:size=1m', '-v', '/run'],
    ['--ulimit', 'nofile=1', '--ulimit', 'nofile=2:3'],
    ['--memory-swap', '1m', '-m', '2m'],
    ['--env', 'A=1', '--env', 'A=2'],
    ['--stop-timeout', '0', '--init=false', '--stop-signal', 'SIGINT'],
    ['-Z'],
    ['--no-such-option'],
    ['--memory'],
    ['-p', '80:80', '-p', '80:80'],
    ['-p', '80:80', '--expose', '80'],
    ['--device', '/dev/a', '--gpus', 'all'],
  ];

  it('options that have to do with each other mean what docker means by them', async (t) => {
    const docker = judge(t);
    if (!docker) return;
    const verdicts: Verdict[] = [];
    for (const words of lines) {
      const names = words.flatMap((word) => /^--([\w-]+)/.exec(word)?.[1] ?? []);
      verdicts.push(await compare(words, names));
    }
    t.diagnostic(`${docker.version}: ${verdicts.length} lines: ${tally(verdicts)}`);
  });

  it('names of images are taken and refused as docker does it', async (t) => {
    const docker = judge(t);
    if (!docker) return;
    const part = fc.constantFrom(
      'redis',
      'a-b',
      'A',
      'a_b',
      'a__b',
      'a..b',
      'localhost',
      'host.x:5000',
      'UP.x',
      '[::1]:5',
      '',
      '-a',
      'a.',
    );
    const suffix = fc.constantFrom(
      '',
      '',
      ':1',
      ':T_1.x',
      ':',
      ':-',
      `@sha256:${'0'.repeat(64)}`,
      '@sha256:00',
      '@',
      ':1@x',
    );
    const names = fc.tuple(fc.array(part, { minLength: 1, maxLength: 3 }), suffix);
    let agreements = 0;
    await fc.assert(
      fc.asyncProperty(names, async ([parts, end]) => {
        const image = `${parts.join('/')}${end}`;
        // Older command lines know no address in brackets, and no registry in capitals without a dot.
        fc.pre(!isOld() || !/^[A-Z]|\[/.test(image));
        const { refusal } = await docker.ask(['create', '--', image]);
        const { command } = parseDockerCommand(['docker', 'run', '--', image], { substituted: true });
        assert.equal(command === null, refusal !== null, `${image}: ${refusal ?? 'docker takes it'}`);
        agreements += 1;
      }),
      { numRuns: cases * 8, ...seeded },
    );
    t.diagnostic(`${docker.version}: ${agreements} names of images`);
  });

  it('what starts a container in the background is started so by docker', async (t) => {
    const docker = judge(t);
    if (!docker) return;
    for (const words of [
      ['-d'],
      ['-d', '--rm'],
      ['-d', '-a', 'stdout'],
      ['-dit'],
      ['-d', '--rm', '--restart', 'always'],
    ]) {
      const { refusal, requests } = await docker.ask(['run', ...words, 'image:1']);
      const { command } = parseDockerCommand(['docker', 'run', ...words, 'image:1'], { substituted: true });
      assert.equal(command === null, refusal !== null, `${words.join(' ')}: ${refusal}`);
      if (command?.verb !== 'run') continue;
      assert.equal(command.detach, true);
      const created = requests.find(({ path }) => path === '/containers/create');
      assert.ok(isDeepStrictEqual(normalise(command.body), normalise(created?.body)), words.join(' '));
    }
  });
});
