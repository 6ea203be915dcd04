import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type DockerCommand, parseDockerCommand } from './dockerCommand.ts';
import type { DockerRun } from './dockerRun.ts';

const parse = (...words: string[]) => parseDockerCommand(['/usr/bin/docker', ...words], { substituted: true });

function parseAs<V extends DockerCommand['verb']>(verb: V, ...words: string[]): Extract<DockerCommand, { verb: V }> {
  const { command, problems } = parse(...words);
  assert.deepEqual(problems, []);
  assert.equal(command?.verb, verb);
  return command as Extract<DockerCommand, { verb: V }>;
}

const parseRun = (...words: string[]): DockerRun => parseAs('run', ...words);

function problemsOf(...words: string[]): string {
  const { command, problems } = parse(...words);
  assert.equal(command, null, words.join(' '));
  return problems.join('\n');
}

describe('a docker command line', () => {
  it("may have the options of run before the verb, as in the seed's unit", () => {
    const command = parseRun('--name', 'redis', 'run', 'dockerfile/redis');
    assert.deepEqual(command, parseRun('run', '--name', 'redis', 'dockerfile/redis'));
    assert.equal(command.name, 'redis');
    assert.equal(command.image, 'dockerfile/redis');
  });

  it('means the same wherever the options of run stand', () => {
    const options = [['-v', '/a:/b'], ['--name=x1'], ['-itd'], ['-p80:80'], ['--rm'], ['-e', 'A=run'], ['-c', '5']];
    const split = fc.tuple(fc.shuffledSubarray(options), fc.nat(options.length));
    fc.assert(
      fc.property(split, ([picked, at]) => {
        const before = picked.slice(0, at).flat();
        const after = picked.slice(at).flat();
        assert.deepEqual(parseRun(...before, 'run', ...after, 'image'), parseRun('run', ...before, ...after, 'image'));
      }),
    );
  });

  it('may spell its verb in the long way', () => {
    assert.deepEqual(parse('container', 'rm', '-f', 'x'), parse('rm', '-f', 'x'));
    assert.deepEqual(parse('image', 'pull', 'x'), parse('pull', 'x'));
  });

  it('is not refused for options that say nothing of what to do', () => {
    assert.deepEqual(parse('-D', '--log-level', 'warn', 'rm', 'x'), parse('rm', 'x'));
  });

  it('may not name another engine, nor leave the verb out, nor have one that is not known', () => {
    assert.match(problemsOf('-H', 'tcp://x', 'run', 'image'), /-H: .*DOCKER_HOST/);
    assert.match(problemsOf('--host=tcp://x', 'rm', 'x'), /--host/);
    assert.match(problemsOf(), /needs a verb/);
    assert.match(problemsOf('frobnicate'), /docker frobnicate is not understood/);
    assert.match(problemsOf('constructor'), /not understood/);
    assert.match(problemsOf('create', 'image'), /docker run/);
    assert.match(problemsOf('--name', 'x', 'pull', 'image'), /--name before the verb/);
  });

  it('is read without what its variables will say, as long as they are not known', () => {
    const words = ['docker', 'run', '-m', '$MEMORY', '-p', '$PORT:80', '--network', '$NET', '--network-alias', 'x'];
    const { command, problems } = parseDockerCommand([...words, '--cpus', '2', '$IMAGE']);
    assert.deepEqual(problems, []);
    assert.equal(command?.verb, 'run');
    assert.deepEqual(command?.verb === 'run' && command.resources, { cpus: 2 });
    const late = parseDockerCommand([...words, '$IMAGE'], { substituted: true });
    assert.equal(late.problems.length, 3, late.problems.join('\n'));
  });

  it('never makes the reader throw, and has a command or problems', () => {
    const word = fc.oneof(
      fc.constantFrom(
        'run',
        '--name',
        '-p',
        '80:80',
        '-v',
        '--mount',
        '--',
        '-',
        '-it',
        '--rm=x',
        'exec',
        '=',
        '__proto__',
      ),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), (words) => {
        const { command, problems } = parse(...words);
        assert.equal(command === null, problems.length > 0);
      }),
    );
  });
});

describe('docker run', () => {
  it('takes everything after the image as the command', () => {
    assert.deepEqual(parseRun('run', 'image', 'sh', '--rm', '--', '-c').body.Cmd, ['sh', '--rm', '--', '-c']);
    assert.equal(parseRun('run', 'image').body.Cmd, undefined);
  });

  it('tells every problem at once, and names the options', () => {
    const problems = problemsOf('run', '--frob', 'x', '-m', 'much', '--cpus=?', '--restart=always', '-Z', 'UPPER');
    for (const part of ['--frob', '-m: "much"', '--cpus: "?"', 'Restart=', '-Z', '"UPPER"']) {
      assert.ok(problems.includes(part), `${part} is missing in: ${problems}`);
    }
  });

  it('says why it refuses what it understands', () => {
    const reasons: [string[], RegExp][] = [
      [['--restart=always'], /Restart= in \[Service\]/],
      [['--cidfile', 'x'], /absolute path/],
      [['--security-opt', 'seccomp=profile.json'], /seccomp/],
      [['--label-file', 'x'], /absolute path/],
      [['--use-api-socket'], /docker\.sock/],
      [['--isolation', 'hyperv'], /Windows/],
      [['-d', '-a', 'stdout'], /--attach contradicts/],
      [['-v', './here:/there'], /no current directory/],
      [['-v', '~/here:/there'], /no current directory/],
      [['--env-file', 'relative'], /absolute path/],
      [['--mount', 'type=tape,dst=/x'], /type=tape/],
      [['--mount', 'type=bind,src=/x'], /target/],
      [['-name', 'x'], /two dashes: --name/],
      [['--name', 'a b'], /"a b" is not a name/],
      [['--name'], /--name needs a value/],
      [[], /needs the name of an image/],
    ];
    for (const [options, reason] of reasons) {
      const image = options.length > 0 && options.at(-1) !== '--name' ? ['image'] : [];
      assert.match(problemsOf('run', ...options, ...image), reason);
    }
  });

  it('reserves what it limits', () => {
    const resources = (...options: string[]) => parseRun('run', ...options, 'image').resources;
    assert.deepEqual(resources('-m', '1.5g', '--cpus', '.5'), { memoryBytes: 1.5 * 1024 ** 3, cpus: 0.5 });
    assert.deepEqual(resources('--cpu-quota', '50000'), { cpus: 0.5 });
    assert.deepEqual(resources('--cpu-quota=20000', '--cpu-period=10000'), { cpus: 2 });
    assert.deepEqual(resources('--memory-reservation', '1g'), {});
  });

  it('tells the runtime what is not in the body', () => {
    const words = ['-d', '--rm', '--pull=always', '--platform', 'linux/arm64', '--env-file', '/a', '--env-file=/b'];
    const { detach, remove, pull, platform, envFiles } = parseRun('run', ...words, 'image');
    assert.deepEqual(
      { detach, remove, pull, platform, envFiles },
      { detach: true, remove: true, pull: 'always', platform: 'linux/arm64', envFiles: ['/a', '/b'] },
    );
  });

  it('keeps the input open for a detached container only', () => {
    assert.equal(parseRun('run', '-i', 'image').body.StdinOnce, true);
    assert.equal(parseRun('run', '-di', 'image').body.StdinOnce, undefined);
  });

  it('takes the names of images that the engine takes', () => {
    for (const name of [
      'redis',
      'a/b:1',
      'host.example:5000/a/b:T_1.x',
      `a@sha256:${'0'.repeat(64)}`,
      'localhost/x__y',
    ]) {
      assert.equal(parseRun('run', name).image, name);
    }
    for (const name of ['Redis', 'a:', 'a//b', '-', 'a b', ':1']) problemsOf('run', '--', name);
  });
});

describe('the other docker verbs', () => {
  it('read their options before and after the names', () => {
    assert.deepEqual(parseAs('rm', 'rm', 'a', '-fv', 'b'), {
      verb: 'rm',
      containers: ['a', 'b'],
      force: true,
      volumes: true,
    });
    assert.deepEqual(parseAs('kill', 'kill', 'a'), { verb: 'kill', containers: ['a'], signal: 'SIGKILL' });
    assert.deepEqual(parseAs('kill', 'kill', '-s', 'HUP', 'a').signal, 'HUP');
    assert.deepEqual(parse('stop', 'a', '-t3', '--signal=INT').command, {
      verb: 'stop',
      containers: ['a'],
      timeoutSec: 3,
      signal: 'INT',
    });
    assert.deepEqual(parse('restart', '--time', '1', 'a').command, {
      verb: 'restart',
      containers: ['a'],
      timeoutSec: 1,
    });
    assert.deepEqual(parseAs('start', 'start', '-ai', 'a'), { verb: 'start', containers: ['a'], attach: true });
    assert.deepEqual(parseAs('pull', 'pull', '-q', 'image:1'), { verb: 'pull', image: 'image:1' });
  });

  it('read a command to execute to its end', () => {
    const command = parseAs(
      'exec',
      'exec',
      '-it',
      '-e',
      'A=1',
      '-u',
      'me',
      '-w',
      '/x',
      '--privileged',
      'name',
      'ls',
      '-d',
    );
    assert.deepEqual(command, {
      verb: 'exec',
      container: 'name',
      argv: ['ls', '-d'],
      env: ['A=1'],
      envFiles: [],
      user: 'me',
      workingDir: '/x',
      tty: true,
      privileged: true,
      detach: false,
    });
  });

  it('that belong elsewhere are refused with advice', () => {
    for (const verb of ['login', 'logout', 'push', 'logs', 'ps', 'cp', 'update', 'create', 'compose', 'swarm']) {
      assert.match(problemsOf(verb, 'x'), /docker|swarm/);
    }
    assert.match(problemsOf('login', '-u', 'me', 'registry.example'), /run it once on the machine.*--registry-auth/);
    assert.match(problemsOf('inspect', '-f', '{{.Id}}', 'x'), /templates of Go/);
    assert.match(problemsOf('pull', '--all-tags', 'x'), /name the tags/);
    assert.match(problemsOf('network', 'prune'), /docker network prune is not understood/);
  });

  it('need what they act on', () => {
    for (const verb of ['kill', 'rm', 'stop', 'restart', 'start', 'pull', 'exec']) {
      assert.match(problemsOf(verb), new RegExp(`docker ${verb} needs the name`));
    }
    assert.match(problemsOf('exec', 'name'), /and a command/);
    assert.match(problemsOf('pull', 'a', 'b'), /one image/);
    assert.match(problemsOf('rm', '--all', 'x'), /--all/);
  });
});
