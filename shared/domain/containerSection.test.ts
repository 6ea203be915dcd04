import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { containerGroups, containerOptions } from './containerDirectives.ts';
import { parseDockerCommand } from './dockerCommand.ts';
import { interpretUnit } from './interpretUnit.ts';
import { formatProblem } from './problem.ts';
import { parseUnitFile } from './unitFile.ts';
import { parseUnitName } from './unitName.ts';

function interpret(text: string, name = 'web@7.service') {
  const unit = parseUnitName(name).value;
  assert.ok(unit);
  const { spec, problems } = interpretUnit(unit, parseUnitFile(text).file);
  return { service: spec?.service, spec, problems: problems.map((problem) => formatProblem('web', problem)) };
}

const container = (...lines: string[]) => interpret(['[Container]', 'Image=redis:7', ...lines].join('\n'));

describe('[Container]', () => {
  test('is the docker run that it stands for', () => {
    const { service, spec, problems } = container(
      'ContainerName=web-%i',
      'Exec=redis-server --save "60 1" --port 80%i',
      'Environment=A=1 "B=two words"',
      'Environment=C=%i',
      'Volume=data:/data',
      'Volume=/srv:/srv:ro',
      'PublishPort=8080:80',
      'AddCapability=NET_ADMIN SYS_TIME',
      'User=1000',
      'Group=100',
      'ReadOnly=yes',
      'Tmpfs=/tmp:size=1m',
      'NoNewPrivileges=true',
      'RunInit=no',
      'HealthCmd=redis-cli ping',
      'HealthInterval=5s',
      'Memory=64m',
      'Sysctl=net.core.somaxconn=1024',
      'StopTimeout=3',
    );
    assert.deepEqual(problems, []);
    const line = `run --cap-add NET_ADMIN --cap-add SYS_TIME --name web-7 --env A=1 --env`.split(' ');
    const rest =
      '--env C=7 --health-cmd|redis-cli ping|--health-interval 5s --memory 64m --security-opt no-new-privileges --init=false --publish 8080:80 --stop-timeout 3 --sysctl net.core.somaxconn=1024 --tmpfs /tmp:size=1m --volume data:/data --volume /srv:/srv:ro --user 1000:100 --read-only --tmpfs /run --tmpfs /var/tmp redis:7 redis-server --save|60 1|--port 807'
        .split('|')
        .flatMap((part, i) => (i % 2 === 1 ? [part] : part.split(' ')));
    const { command } = parseDockerCommand(['docker', ...line, 'B=two words', ...rest]);
    assert.ok(command !== null);
    assert.deepEqual(service?.execStart[0]?.docker, command);
    assert.deepEqual(
      [service?.type, spec?.placement.runtimes, spec?.resources],
      [
        'simple',
        ['docker'],
        {
          memoryBytes: 64 * 1024 ** 2,
        },
      ],
    );
  });

  test('is wrong at the line where it is wrong, in docker’s words, all at once', () => {
    const { problems } = container(
      'PublishPort=eighty',
      'Group=5',
      'Volume=a.volume:/a',
      'PodmanArgs=--replace',
      'Imgae=x',
    );
    assert.deepEqual(
      problems.map((problem) => /^web:(\d+)/.exec(problem)?.[1]),
      ['3', '4', '5', '6', '7'],
    );
    assert.match(problems[0] ?? '', /PublishPort=: .*--publish/);
    assert.match(problems[2] ?? '', /docker makes the volume/);
    assert.match(problems[3] ?? '', /podman does not run it/);
    assert.match(problems[4] ?? '', /did you mean Image=/);
  });

  test('kills an unhealthy container where HealthOnFailure= says so', () => {
    assert.equal(container('HealthCmd=true', 'HealthOnFailure=kill').service?.onUnhealthy, 'kill');
    assert.equal(container('HealthCmd=true', 'HealthOnFailure=none').service?.onUnhealthy, undefined);
    assert.match(container('HealthOnFailure=restart').problems.join(), /web:3: .*write kill, and Restart=always/);
  });

  test('says what to run, so that nothing else may', () => {
    const both = interpret('[Container]\nImage=a\n[Service]\nExecStart=/bin/true\n[X-Flotilla]\nImage=b');
    assert.equal(both.problems.filter((problem) => /stands beside \[Container\]/.test(problem)).length, 2);
    assert.match(interpret('[Container]\nExec=a').problems.join(), /there is no Image= in \[Container\]/);
    assert.match(container('UserNS=keep-id').problems.join(), /web:3: .*--userns/);
  });

  test('takes options only that docker has, and every directive has one place in the tables', () => {
    const samples: Record<string, string> = {
      'security-opt': 'label=disable',
      'health-retries': '3',
      ip: '10.0.0.1',
      ip6: 'fd00::1',
      expose: '80',
      'add-host': 'a:10.0.0.1',
      dns: '10.0.0.1',
      memory: '1g',
      'shm-size': '1m',
      'pids-limit': '9',
      'stop-timeout': '9',
      ulimit: 'nofile=9',
      userns: 'host',
      sysctl: 'net.a=1',
      device: '/dev/null',
      mount: 'type=tmpfs,target=/x',
      pull: 'always',
      'env-file': '/etc/env',
      network: 'bridge',
      'log-opt': 'a=b',
      publish: '80:80',
      volume: 'a:/a',
      tmpfs: '/a',
      'cap-add': 'ALL',
      'cap-drop': 'ALL',
      name: 'abc',
    };
    for (const [name, how] of Object.entries(containerOptions)) {
      const args = how.form === 'yes' ? how.args : [`--${how.option}=${samples[how.option] ?? '5s'}`];
      const extra = /ip|alias/.test(args[0] ?? '') ? ['--network', 'own'] : [];
      assert.deepEqual(parseDockerCommand(['docker', 'run', ...extra, ...args, 'image']).problems, [], name);
    }
    const names = containerGroups.flatMap((group) => group.names.split(' '));
    assert.equal(new Set(names).size, names.length);
  });
});
