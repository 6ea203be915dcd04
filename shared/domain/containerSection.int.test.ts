/** podman's Quadlet as the judge of `[Container]`: the `podman run` that it makes of a file is the `docker run` of ours. */
import assert from 'node:assert/strict';
import { before, describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { findQuadlet, type Quadlet } from '../../test/support/quadlet.ts';
import { containerOptions } from './containerDirectives.ts';
import { knownDirectives } from './directives.ts';
import type { DockerRun } from './dockerRun.ts';
import { interpretUnit } from './interpretUnit.ts';
import { formatProblem } from './problem.ts';
import { parseUnitFile } from './unitFile.ts';
import { parseUnitName } from './unitName.ts';

const seed = 58;

/** Values of each directive, mostly right; some that are wrong to both. */
const values: Readonly<Record<string, readonly string[]>> = {
  AddCapability: ['NET_ADMIN', 'CAP_SYS_TIME NET_RAW', 'all'],
  AddDevice: ['/dev/null', '/dev/null:/dev/zero:rw'],
  AddHost: ['db:10.0.0.1', 'db:host-gateway'],
  Annotation: ['a=1', '"b=two words" c=3'],
  AppArmor: ['docker-default', 'unconfined'],
  ContainerName: ['web', 'web-%i', '%p'],
  DNS: ['10.0.0.53', '1.1.1.1'],
  DNSOption: ['ndots:2'],
  DNSSearch: ['example.org', '.'],
  DropCapability: ['ALL', 'CAP_CHOWN KILL'],
  Entrypoint: ['/bin/sh', 'sh'],
  Environment: ['A=1', '"B=two words" C=3', "D='x y'", 'E=%i', 'F="a\\tb"', 'A=2', 'G='],
  EnvironmentFile: ['/etc/one.env', '/etc/%i.env'],
  Exec: ['serve --port 80', 'sh -c "echo $HOME \'a b\'"', '%n --name=%i', 'echo $A $$B', '-c x'],
  ExposeHostPort: ['80', '80/udp', '1000-1003'],
  Group: ['100', 'staff'],
  GroupAdd: ['audio', '100'],
  HealthCmd: ['redis-cli ping', 'sh -c "exit 1"', 'none'],
  HealthInterval: ['5s', '1m30s'],
  HealthRetries: ['2'],
  HealthStartPeriod: ['10s'],
  HealthTimeout: ['1s'],
  HostName: ['h', '%i.example.org'],
  IP: ['10.1.0.2'],
  IP6: ['fd00::2'],
  Label: ['a=1', '"b=two words" c=3', 'a=2', 'd=%n'],
  LogDriver: ['json-file', 'none'],
  LogOpt: ['max-size=1m', 'tag=x'],
  Memory: ['64m', '1g'],
  Mount: ['type=bind,source=/srv,target=/srv', 'type=tmpfs,destination=/x', 'type=volume,source=v,destination=/v'],
  Network: ['host', 'none', 'net', 'container:db'],
  NetworkAlias: ['web'],
  NoNewPrivileges: ['true', 'no', 'off'],
  PidsLimit: ['100'],
  PublishPort: ['80', '8080:80', '127.0.0.1:8080:80/udp', '8000-8002:9000-9002', '8080:%i'],
  Pull: ['always', 'missing', 'never'],
  ReadOnly: ['yes', 'false'],
  ReadOnlyTmpfs: ['no', 'true'],
  RunInit: ['yes', '0'],
  SeccompProfile: ['unconfined'],
  SecurityLabelDisable: ['true', 'false'],
  SecurityLabelLevel: ['s0:c1'],
  SecurityLabelType: ['spc_t'],
  ShmSize: ['100m'],
  StopSignal: ['SIGINT', '15'],
  StopTimeout: ['20'],
  Sysctl: ['net.core.somaxconn=1024', 'net.ipv4.ip_forward=1 net.ipv4.tcp_syncookies=0'],
  Tmpfs: ['/run', '/tmp:size=1m,mode=1777'],
  Ulimit: ['nofile=100:200', 'core=0'],
  User: ['1000', 'app'],
  UserNS: ['host'],
  VolatileTmp: ['yes'],
  Volume: ['data:/data', '/srv:/srv:ro', '/anonymous', '/srv/%i:/x:rw'],
  WorkingDir: ['/srv', '/%i'],
};

const assignment = fc
  .constantFrom(...Object.entries(values))
  .chain(([name, each]) => fc.constantFrom(...each).map((value) => `${name}=${value}`));
const files = fc.array(assignment, { minLength: 1, maxLength: 5 }).map(fileOf);

function fileOf(lines: readonly string[]): string {
  return ['[Container]', 'Image=docker.io/library/redis:7', ...lines].join('\n').concat('\n');
}

/** What quadlet adds of its own: podman runs in the foreground of its unit, and answers for the container by itself. */
const ofPodman =
  / --(?:name systemd-%\S+|replace|rm|cgroups=split|sdnotify=conmon|health-on-failure \S+|read-only-tmpfs(?:=\S+)?|read-only=false)(?= )| -d(?= )/g;

function runOf(name: string, text: string): { run: DockerRun | null; problems: string[] } {
  const unit = parseUnitName(name).value;
  assert.ok(unit);
  const { spec, problems } = interpretUnit(unit, parseUnitFile(text).file);
  const command = spec?.service?.execStart[0]?.docker;
  const errors = problems.filter(({ severity }) => severity === 'error');
  return { run: command?.verb === 'run' ? command : null, problems: errors.map((each) => formatProblem(name, each)) };
}

/** The generated unit with docker in the place of podman. */
function asDocker(unit: string): string {
  const [, args = ''] = /^ExecStart=\S+podman (run .*)$/m.exec(unit) ?? [];
  const ofBoth = args.replace(ofPodman, '').replace(' --health-cmd none ', ' --no-healthcheck ');
  return `[Service]\nExecStart=/usr/bin/docker ${ofBoth}\n`;
}

const ownRoom = ['/run', '/tmp', '/var/tmp'];

/** Without what podman sees to where docker is told by an option, and in one order where none is meant. */
function normalised(run: DockerRun, theirs: DockerRun): object {
  const { HostConfig, Env, ...body } = run.body;
  const { Tmpfs = {}, ...host } = HostConfig;
  const said = theirs.body.HostConfig.Tmpfs ?? {};
  const isOwn = (path: string) => HostConfig.ReadonlyRootfs === true && ownRoom.includes(path) && !(path in said);
  const tmpfs = Object.entries(Tmpfs).filter(([path]) => !isOwn(path));
  // Of two assignments to one name the last one counts, for docker as for podman.
  const variables = Object.fromEntries((Env ?? []).map((each) => [each.split('=', 1)[0], each]));
  const upper = (names: string[] | undefined) => names?.map((name) => name.toUpperCase().replace(/^CAP_/, ''));
  return {
    ...run,
    body: {
      ...body,
      variables,
      HostConfig: {
        ...host,
        CapAdd: upper(host.CapAdd),
        SecurityOpt: host.SecurityOpt?.toSorted(),
        CapDrop: upper(host.CapDrop),
        tmpfs: Object.fromEntries(tmpfs),
      },
    },
  };
}

describe('[Container], judged by podman’s quadlet', () => {
  let quadlet: Quadlet | null = null;
  let missing = '';
  before(async () => {
    quadlet = await findQuadlet().catch((error) => {
      missing = `there is no quadlet: ${error.message}`;
      return null;
    });
  });
  const judge = (t: TestContext): Quadlet | null => {
    if (quadlet === null) {
      assert.notEqual(process.env.FLOTILLA_REQUIRE_QUADLET, '1', missing);
      t.skip(missing);
    }
    return quadlet;
  };

  it('is the same run', async (t) => {
    const judging = judge(t);
    if (judging === null) return;
    const single = Object.entries(values).flatMap(([name, each]) => each.map((value) => fileOf([`${name}=${value}`])));
    const texts = [...single, ...fc.sample(files, { seed, numRuns: 600 })];
    const named = texts.map((text, index): [string, string] => [`web${index}@x.container`, text]);
    const verdicts = await judging.generate(Object.fromEntries(named));
    let [same, refused] = [0, 0];
    for (const [name, text] of named) {
      const verdict = verdicts.get(name);
      assert.ok(verdict, `${name}\n${text}`);
      const unit = name.replace('.container', '.service');
      const ours = runOf(unit, text);
      if ('refused' in verdict) {
        assert.equal(ours.run, null, `${text}${verdict.refused}`);
        refused += 1;
        continue;
      }
      const theirs = runOf(unit, asDocker(verdict.unit));
      const context = `${text}${verdict.unit.match(/^ExecStart=.*$/m)?.[0]}`;
      // What docker does not have is refused here; then it is refused in the line for docker, too.
      assert.equal(
        ours.run === null,
        theirs.run === null,
        `${context}\n${[...ours.problems, '/', ...theirs.problems]}`,
      );
      if (ours.run === null || theirs.run === null) refused += 1;
      else {
        assert.deepEqual(normalised(ours.run, theirs.run), normalised(theirs.run, theirs.run), context);
        same += 1;
      }
    }
    t.diagnostic(`quadlet ${judging.version}: ${same} files are the same run, ${refused} are refused by both`);
    assert.ok(same > 400);
  });

  it('knows every directive of its manual page, and has a value of each that it obeys in the comparison', (t) => {
    const judging = judge(t);
    if (judging === null) return;
    const [, page = ''] = /^\.SH Container units \[Container\]$([\s\S]*?)^\.SH /m.exec(judging.manual) ?? [];
    const named = Array.from(page.matchAll(/^\.SS \\fB(\w+)=/gm), ([, name = '']) => name);
    assert.ok(named.length > 70);
    assert.deepEqual(
      named.filter((name) => !knownDirectives('Container').includes(name)),
      [],
    );
    const obeyed = Object.keys(containerOptions);
    assert.deepEqual(
      obeyed.filter((name) => !(name in values)),
      [],
    );
  });
});
