import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { knownDirectives } from './directives.ts';
import { interpretUnit } from './interpretUnit.ts';
import { parseUnitFile } from './unitFile.ts';
import { parseUnitName } from './unitName.ts';
import type { ServiceSpec, UnitSpec } from './unitSpec.ts';

function interpret(text: string, name = 'web.service') {
  const unit = parseUnitName(name).value;
  assert.ok(unit);
  return interpretUnit(unit, parseUnitFile(text).file);
}

function specOf(text: string, name?: string): UnitSpec {
  const { spec, problems } = interpret(text, name);
  assert.ok(spec, problems.map(({ message }) => message).join('\n'));
  return spec;
}

/** Of `[Service]` with these lines and something to run. */
function serviceOf(...lines: string[]): ServiceSpec {
  const { service } = specOf(['[Service]', 'ExecStart=/bin/true', ...lines].join('\n'));
  assert.ok(service);
  return service;
}

function problemsOf(text: string, name?: string): string[] {
  return interpret(text, name).problems.map(({ severity, line, message }) => `${line ?? '-'} ${severity}: ${message}`);
}

function problemOf(...lines: string[]): string {
  return problemsOf(['[Service]', 'ExecStart=/bin/true', ...lines].join('\n')).join('\n');
}

it('tells a thousand problems of a file, and that there are more', () => {
  const problems = problemsOf(`[Unit]\nAfter=${'a '.repeat(100_000)}\n[Service]\nExecStart=/bin/true\n`);
  assert.equal(problems.length, 1_001);
  assert.ok(problems.some((problem) => problem.includes('there are more problems')));
});

describe('services', () => {
  it('have the defaults of systemd', () => {
    assert.deepEqual(serviceOf(), {
      type: 'simple',
      execCondition: [],
      execStartPre: [],
      execStart: [
        {
          line: '/bin/true',
          path: '/bin/true',
          argv: ['/bin/true'],
          ignoreFailure: false,
          literalVariables: false,
          privileged: false,
        },
      ],
      execStartPost: [],
      execReload: [],
      execStop: [],
      execStopPost: [],
      restart: 'no',
      restartSecMs: 100,
      timeoutStartMs: 90_000,
      timeoutStopMs: 90_000,
      runtimeMaxMs: null,
      notifyAccess: 'none',
      watchdogMs: null,
      watchdogSignal: 'SIGABRT',
      directories: {},
      runtimePreserve: 'no',
      remainAfterExit: false,
      killMode: 'control-group',
      killSignal: 'SIGTERM',
      finalKillSignal: 'SIGKILL',
      sendSigkill: true,
      oomPolicy: 'stop',
      successExitStatus: { codes: [], signals: [] },
      restartPreventExitStatus: { codes: [], signals: [] },
      restartForceExitStatus: { codes: [], signals: [] },
      startLimit: { intervalMs: 10_000, burst: 5 },
      environment: {},
      environmentFiles: [],
      passEnvironment: [],
      unsetEnvironment: [],
      supplementaryGroups: [],
      limits: { limits: {} },
      control: {},
    });
  });

  it('take timeouts, of which 0 means none', () => {
    const { timeoutStartMs, timeoutStopMs } = serviceOf('TimeoutSec=5', 'TimeoutStartSec=0');
    assert.deepEqual({ timeoutStartMs, timeoutStopMs }, { timeoutStartMs: null, timeoutStopMs: 5000 });
    assert.equal(serviceOf('Type=oneshot').timeoutStartMs, null);
    assert.equal(serviceOf('Type=oneshot', 'TimeoutStartSec=1min').timeoutStartMs, 60_000);
  });

  it('take environments in all their forms', () => {
    const service = serviceOf(
      'Environment="A=one two" B=%n',
      'Environment=A=last',
      'EnvironmentFile=-%t/web.env',
      'PassEnvironment=HOME LANG',
    );
    assert.deepEqual(service.environment, { A: 'last', B: 'web.service' });
    assert.deepEqual(service.environmentFiles, [{ path: '/run/web.env', optional: true }]);
    assert.deepEqual(service.passEnvironment, ['HOME', 'LANG']);
    assert.deepEqual(serviceOf('Environment=A=1', 'Environment=', 'Environment=B=2').environment, { B: '2' });
  });

  it('take the start limit from either section and in either spelling', () => {
    assert.deepEqual(serviceOf('StartLimitInterval=1min', 'StartLimitBurst=2').startLimit, {
      intervalMs: 60_000,
      burst: 2,
    });
    const { service } = specOf('[Unit]\nStartLimitIntervalSec=0\n[Service]\nStartLimitInterval=9\nExecStart=/bin/true');
    assert.deepEqual(service?.startLimit, { intervalMs: 0, burst: 5 });
  });

  it('take what decides about restarts and ends', () => {
    const service = serviceOf(
      'Restart=on-failure',
      'RestartSec=2',
      'SuccessExitStatus=TEMPFAIL 250',
      'SuccessExitStatus=SIGKILL',
    );
    assert.equal(service.restart, 'on-failure');
    assert.equal(service.restartSecMs, 2000);
    assert.deepEqual(service.successExitStatus, { codes: [75, 250], signals: ['SIGKILL'] });
  });

  it('say with the line what is wrong with a value', () => {
    assert.equal(
      problemOf('Restart=sometimes'),
      '3 error: Restart=sometimes is none of no, on-success, on-failure, on-abnormal, on-watchdog, on-abort, always',
    );
    assert.match(problemOf('RestartSec=infinity'), /must be finite/);
    assert.match(problemOf('Environment=A'), /no assignment/);
    assert.match(problemOf('SuccessExitStatus=1 256'), /: "256" is no exit code/);
    assert.match(problemOf('UnsetEnvironment=A 1B'), /: "1B" is no variable/);
    assert.match(problemOf('User=a:b'), /no name or number of a user/);
    assert.match(problemOf('Sockets=a.socket b.service'), /names b.service, which is no socket unit/);
    assert.match(problemOf('MemoryMax=150%'), /more than all there is/);
    assert.match(problemOf('CPUQuota=0%'), /leaves no time/);
  });

  it('refuse the types that need to talk to systemd, and say what to write', () => {
    for (const type of ['dbus', 'notify-reload']) {
      assert.match(problemOf(`Type=${type}`), new RegExp(`^3 error: Type=${type} is not supported: .*write Type=`));
    }
  });

  it('need a main command, and one only, unless they are oneshots', () => {
    assert.match(problemsOf('[Service]\nRestart=no').join(), /^- error: there is no ExecStart=/);
    assert.match(problemsOf('[Unit]\nDescription=x').join(), /there is no ExecStart=/);
    assert.match(problemOf('ExecStart=/bin/false'), /^3 error: .*one of several main commands/);
    assert.match(problemsOf('[Service]\nType=simple\nExecStop=/bin/true').join(), /there is no ExecStart=/);
    assert.equal(serviceOf('Type=oneshot', 'ExecStart=/bin/false').execStart.length, 2);
    assert.equal(specOf('[Service]\nRemainAfterExit=yes\nExecStop=/bin/true').service?.type, 'oneshot');
    assert.match(problemOf('Type=oneshot', 'Restart=always'), /repeat a oneshot/);
    assert.match(problemOf('Type=oneshot', 'RestartForceExitStatus=3'), /not allowed with Type=oneshot/);
  });
});

describe('docker commands', () => {
  const seed = (name: string) => `[Unit]
Description=Redis Service
After=docker.service
Requires=docker.service

[Service]
ExecStart=/usr/bin/docker --name ${name} run dockerfile/redis${' '}

[Install]
WantedBy=local.target
`;

  it('are understood, also as an old unit spells them', () => {
    const { service, placement, dependencies } = specOf(seed('redis'), 'redis.service');
    const docker = service?.execStart[0]?.docker;
    assert.ok(docker?.verb === 'run');
    assert.deepEqual([docker.name, docker.image], ['redis', 'dockerfile/redis']);
    assert.deepEqual(placement.runtimes, ['docker']);
    const { Requires, After } = dependencies;
    assert.deepEqual([Requires, After], [['docker.service'], ['docker.service']]);
    assert.deepEqual(problemsOf(seed('redis'), 'redis.service'), []);
  });

  it('get the name of the link that the unit was started by', () => {
    const docker = specOf(seed('"redis-%p"'), 'polop@redis.service').service?.execStart[0]?.docker;
    assert.ok(docker?.verb === 'run');
    assert.equal(docker.name, 'redis-polop');
  });

  it('that are wrong are refused with their line', () => {
    const [problem = ''] = problemsOf('[Service]\n\nExecStart=/usr/bin/docker run --no-such-option image');
    assert.match(problem, /^3 error: ExecStart=: .*--no-such-option/);
  });

  it('say what the unit reserves, unless it says so itself', () => {
    const run = '[Service]\nExecStart=docker run --memory 64m --cpus 0.5 image\n';
    assert.deepEqual(specOf(run).resources, { memoryBytes: 64 * 1024 ** 2, cpus: 0.5 });
    assert.deepEqual(specOf(`${run}MemoryMax=1G\nCPUQuota=200%`).resources, { memoryBytes: 1024 ** 3, cpus: 2 });
    assert.deepEqual(specOf(`${run}MemoryMax=12.5%`).resources, { memoryFraction: 0.125, cpus: 0.5 });
    assert.deepEqual(specOf('[Service]\nExecStart=/bin/true').resources, {});
  });

  it('and others together need both runtimes, an image only docker', () => {
    const both = '[Service]\nExecStartPre=-/usr/bin/docker kill a\nExecStart=/bin/true\n';
    assert.deepEqual(specOf(both).placement.runtimes, ['docker', 'process']);
    const { service, placement } = specOf('[Service]\nExecStart=docker version\n[X-Flotilla]\nImage=docker:cli');
    assert.equal(service?.image, 'docker:cli');
    assert.equal(service.execStart[0]?.docker, undefined);
    assert.deepEqual(placement.runtimes, ['docker']);
  });

  it('that detach are warned about', () => {
    assert.match(problemsOf('[Service]\nExecStart=docker run -d image').join(), /^2 warning: .*leave out -d/);
  });
});

describe('directives', () => {
  it('without effect are named once, with the reason', () => {
    assert.deepEqual(problemsOf('[Service]\nExecStart=/bin/true\nTimerSlackNSec=5\nTimerSlackNSec=6'), [
      '3 warning: TimerSlackNSec=5 has no effect here: the process has this as the node has it',
    ]);
  });

  it('of [Install] are warned about where they would give a machine’s systemd something to enable', () => {
    const text =
      '[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\nAlias=b.service\nAlso=c.service\n';
    assert.deepEqual(problemsOf(text), [
      '5 warning: Alias=b.service has no effect here: a unit of the cluster has one name, and is not found by others',
      '6 warning: Also=c.service has no effect here: name the other units beside this one to submit, load or start them together',
    ]);
  });

  it('that must not be ignored are refused, with what to do instead', () => {
    assert.match(
      problemOf('PrivateTmp=yes'),
      /^3 error: PrivateTmp=yes is not supported and cannot be left out: .*; .*container/,
    );
    assert.match(
      problemsOf('[Unit]\nConditionNeedsUpdate=/etc\n[Service]\nExecStart=/bin/true').join(),
      /^2 error: ConditionNeedsUpdate=.* is not supported and cannot be left out: .*; leave that unit/,
    );
    assert.match(problemOf('CapabilityBoundingSet='), /error/);
  });

  it('that ask for what happens anyway are fine', () => {
    assert.equal(problemOf('PrivateTmp=no', 'StandardOutput=journal', 'StandardInput=null', 'WatchdogSec=0'), '');
  });

  it('that nobody knows are refused, with what was probably meant', () => {
    assert.match(problemOf('Restrat=always'), /has no directive Restrat=: did you mean Restart=\?/);
    assert.match(problemOf('After=x.service'), /it belongs in \[Unit\]/);
    assert.match(problemOf('Xyzzy=1'), /has no directive Xyzzy=/);
  });

  it('of sections of other programs are left alone, unless the name is a slip', () => {
    assert.equal(problemOf('[X-Other]', 'Anything=1'), '');
    assert.match(
      problemOf('[X-fleet]', 'MachineID=1'),
      /^3 error: there is no section \[X-fleet\]: did you mean \[X-Fleet\]\?/,
    );
    assert.match(problemOf('[Timer]', 'OnCalendar=daily'), /^3 error: there is no section \[Timer\]/);
  });

  it('are all reported at once, in the order of the file', () => {
    const lines = problemsOf('[Unit]\nAfter=network\n[Service]\nType=dbus\nFoo=1\nKillSignal=x\nExecStart="').map(
      (each) => each.split(' ')[0],
    );
    assert.deepEqual(lines, ['2', '4', '5', '6', '7']);
  });
});

describe('names', () => {
  it('of types that are not run are refused', () => {
    assert.match(problemsOf('[Swap]\nWhat=/dev/sdb', 'a.swap').join(), /^- error: a\.swap is a swap unit/);
  });

  it('of templates are read as of an instance', () => {
    const text = '[Service]\nExecStart=docker run --cpus %i -p 80%i:80 --name web-%i image';
    assert.deepEqual(problemsOf(text, 'web@.service'), []);
    assert.equal(specOf(text, 'web@2.service').service?.execStart[0]?.argv[5], '802:80');
  });

  it('of units that it depends on must be whole', () => {
    assert.match(
      problemsOf('[Unit]\nAfter=network\n[Service]\nExecStart=/bin/true').join(),
      /does not end with a unit type/,
    );
    assert.match(problemsOf('[Unit]\nWants=a@.service\n[Service]\nExecStart=/bin/true').join(), /names a template/);
  });

  it('with a machine, specifiers tell of it', () => {
    const unit = parseUnitName('web.service').value;
    assert.ok(unit);
    const host = { hostname: 'core-7', machineId: 'm', bootId: 'b', kernelRelease: 'k' };
    const { spec } = interpretUnit(unit, parseUnitFile('[Service]\nExecStart=/bin/echo %H %m').file, host);
    assert.deepEqual(spec?.service?.execStart[0]?.argv, ['/bin/echo', 'core-7', 'm']);
  });
});

describe('any file', () => {
  const directive = fc.constantFrom(
    ...['Unit', 'Service', 'X-Fleet', 'X-Flotilla'].flatMap((section) =>
      knownDirectives(section).map((name) => `[${section}]\n${name}`),
    ),
  );
  const value = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('yes', '1', '%i', '"', '/bin/true', 'docker run', '5s', '', 'a.service', '$'),
  );

  it('is interpreted without an exception, and has a meaning exactly when it has no error', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(directive, value), { minLength: 1 }), (assignments) => {
        const text = assignments.map(([name, text]) => `${name}=${text.replaceAll(/[\0\r\n]/g, '')}\n`).join('');
        const { spec, problems } = interpret(`[Service]\nExecStart=/bin/true\n${text}`);
        assert.equal(
          spec === null,
          problems.some(({ severity }) => severity === 'error'),
        );
      }),
      { numRuns: 500 },
    );
  });
});

describe('[Unit]', () => {
  const unit = (...lines: string[]) => ['[Unit]', ...lines, '[Service]', 'ExecStart=/bin/true'].join('\n');

  it('has older words for dependencies, which mean what systemd takes them for', () => {
    const { dependencies } = specOf(unit('RequiresOverridable=a.service', 'RequisiteOverridable=b.service'));
    assert.deepEqual(dependencies, { Requires: ['a.service'], Requisite: ['b.service'] });
  });

  it('says who may start and stop it with a yes or a no', () => {
    assert.match(
      problemsOf(unit('RefuseManualStart=maybe')).join(),
      /^2 error: RefuseManualStart=maybe is neither yes nor no/,
    );
    assert.deepEqual(problemsOf(unit('RefuseManualStart=yes', 'RefuseManualStop=no')), []);
  });
});
