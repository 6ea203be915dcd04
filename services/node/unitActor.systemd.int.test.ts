/** systemd itself as the judge of how a service lives: the same unit files are run by it and by ours. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { systemClock } from '../../shared/clock/systemClock.ts';
import type { UnitReport } from '../../shared/domain/events.ts';
import { until } from '../../test/support/until.ts';
import { readHostFacts } from './hostFacts.ts';
import { createProcessRuntime } from './runtime/process.ts';
import { type ShownUnit, startSystemd, whyNoManager } from './testing/systemdManager.ts';
import { assigned, specOf } from './testing/unitSimulation.ts';
import type { Unit } from './unit.ts';
import { createUnit } from './unitActor.ts';

// It takes more than systemd: the right to mount, and control groups.
const skip = (await whyNoManager()) ?? false;

/** Stands for the file to which commands write what they are, and what they were told. */
const trace = '@TRACE@';
const say = (what: string, then = 'exit 0') =>
  `/bin/sh -c 'echo ${what} $SERVICE_RESULT $EXIT_CODE $EXIT_STATUS \${MAINPID:+pid} >> ${trace}; ${then}'`;
/** The same, when the main command, which runs meanwhile, has said what it is. */
const saySecond = (what: string, then = 'exit 0') =>
  `/bin/sh -c 'until grep -q main ${trace}; do sleep 0.02; done; echo ${what} \${MAINPID:+pid} >> ${trace}; ${then}'`;
const die = (signal: string) => `kill -${signal} $$$$`;
const stays = 'exec sleep 1000';
const stops = [`ExecStop=${say('stop')}`, `ExecStopPost=${say('stop-post')}`];
const atMost = (burst: number) => ['RestartSec=50ms', '[Unit]', `StartLimitBurst=${burst}`, 'StartLimitIntervalSec=60'];

/** By name; of the lines each is one of `[Service]`, until another section begins. */
const services: Record<string, string[]> = {
  ends: [`ExecStart=${say('main')}`, ...stops],
  fails: [`ExecStart=${say('main', 'exit 1')}`, ...stops],
  'is-killed': [`ExecStart=${say('main', die('KILL'))}`, ...stops],
  crashes: [`ExecStart=${say('main', die('SEGV'))}`, ...stops],
  'ends-by-term': [`ExecStart=${say('main', die('TERM'))}`, 'Restart=on-failure', ...stops],
  runs: [`ExecStart=${say('main', stays)}`, `ExecStartPost=${saySecond('start-post')}`, ...stops],
  prepares: [`ExecStartPre=-${say('pre', 'exit 2')}`, `ExecStart=${say('main', stays)}`, ...stops],
  'fails-to-prepare': [`ExecStartPre=${say('pre', 'exit 2')}`, `ExecStart=${say('main')}`, ...stops],
  'lacks-what-prepares': ['ExecStartPre=/nonexistent/pre', `ExecStart=${say('main')}`, ...stops],
  'fails-after-start': [
    `ExecStart=${say('main', stays)}`,
    `ExecStartPost=${saySecond('start-post', 'exit 3')}`,
    ...stops,
  ],
  'fails-to-stop': [
    `ExecStart=${say('main')}`,
    `ExecStop=${say('stop', 'exit 3')}`,
    `ExecStopPost=${say('stop-post')}`,
  ],
  'fails-to-clean': [
    `ExecStart=${say('main')}`,
    `ExecStopPost=${say('post', 'exit 6')}`,
    `ExecStopPost=${say('more')}`,
  ],
  remains: [`ExecStart=${say('main')}`, 'RemainAfterExit=yes', ...stops],
  'lacks-program': ['ExecStart=/nonexistent/main', ...stops],
  'lacks-program-exec': ['Type=exec', 'ExecStart=/nonexistent/main', ...stops],
  'lacks-program-oneshot': ['Type=oneshot', 'ExecStart=/nonexistent/main', ...stops],
  'lacks-directory': [`ExecStart=${say('main')}`, 'WorkingDirectory=/nonexistent', ...stops],
  'lacks-user': [`ExecStart=${say('main')}`, 'User=no-such-user', ...stops],
  'lacks-environment': [`ExecStart=${say('main')}`, 'EnvironmentFile=/nonexistent', ...stops],
  'may-lack-program': ['ExecStart=-/nonexistent/main', ...stops],
  'restarts-not-without-program': ['ExecStart=/nonexistent/main', 'Restart=on-abnormal', ...stops],
  'is-not-now': [`ExecCondition=${say('condition', 'exit 1')}`, `ExecStart=${say('main')}`, ...stops],
  'cannot-say-when': [`ExecCondition=${say('condition', 'exit 255')}`, `ExecStart=${say('main')}`, ...stops],
  steps: ['Type=oneshot', `ExecStart=${say('a')}`, `ExecStart=${say('b')} ; ${say('c')}`, ...stops],
  'fails-between': ['Type=oneshot', `ExecStart=${say('a', 'exit 4')}`, `ExecStart=${say('b')}`, ...stops],
  'forgives-between': ['Type=oneshot', `ExecStart=-${say('a', 'exit 4')}`, `ExecStart=${say('b')}`, ...stops],
  'is-killed-between': ['Type=oneshot', `ExecStart=${say('a', die('TERM'))}`, `ExecStart=${say('b')}`, ...stops],
  'only-stops': ['Type=oneshot', 'RemainAfterExit=yes', ...stops],
  'has-other-success': [`ExecStart=${say('main', 'exit 7')}`, 'SuccessExitStatus=7', ...stops],
  'has-other-signal': [`ExecStart=${say('main', die('USR1'))}`, 'SuccessExitStatus=USR1', ...stops],
  'is-not-restarted': [`ExecStart=${say('main', 'exit 9')}`, 'Restart=always', 'RestartPreventExitStatus=9', ...stops],
  'restarts-on-failure': [`ExecStart=${say('main', 'exit 1')}`, 'Restart=on-failure', ...stops, ...atMost(3)],
  'restarts-always': [`ExecStart=${say('main')}`, 'Restart=always', ...stops, ...atMost(2)],
  'restarts-by-status': [`ExecStart=${say('main')}`, 'RestartForceExitStatus=0', ...stops, ...atMost(2)],
  'restarts-on-abort': [`ExecStart=${say('main', die('ABRT'))}`, 'Restart=on-abort', ...stops, ...atMost(2)],
  'restarts-oneshot': [
    'Type=oneshot',
    `ExecStart=${say('a', die('TERM'))}`,
    'Restart=on-failure',
    ...stops,
    ...atMost(2),
  ],
  'starts-slowly': ['Type=oneshot', 'TimeoutStartSec=3', `ExecStart=${say('main', stays)}`, ...stops],
  'prepares-slowly': ['TimeoutStartSec=3', `ExecStartPre=${say('pre', stays)}`, `ExecStart=${say('main')}`, ...stops],
  'runs-out': ['RuntimeMaxSec=3', `ExecStart=${say('main', stays)}`, ...stops],
  'stops-slowly': [
    'TimeoutStopSec=3',
    `ExecStart=${say('main', 'trap "" TERM; while :; do sleep 0.1; done')}`,
    ...stops,
  ],
  'hangs-up': [
    'SendSIGHUP=yes',
    `ExecStart=${say('main', `trap "echo hup >> ${trace}; exit 3" HUP; trap "" TERM; while :; do sleep 0.1; done`)}`,
    ...stops,
  ],
  'aborts-its-start': [
    'Type=notify',
    'NotifyAccess=all',
    'TimeoutStartSec=3',
    'TimeoutStartFailureMode=abort',
    `ExecStart=${say('main', stays)}`,
    ...stops,
  ],
  'kills-its-start': [
    'Type=oneshot',
    'TimeoutStartSec=3',
    'TimeoutStartFailureMode=kill',
    `ExecStart=${say('main', 'trap "" TERM; while :; do sleep 0.1; done')}`,
    ...stops,
  ],
  'aborts-after-its-start': [
    'TimeoutStartSec=3',
    'TimeoutStartFailureMode=abort',
    `ExecStart=${say('main', stays)}`,
    `ExecStartPost=${saySecond('post', stays)}`,
    ...stops,
  ],
  'aborts-its-stop': [
    'TimeoutStopSec=3',
    'TimeoutStopFailureMode=abort',
    `ExecStart=${say('main', 'trap "" TERM; while :; do sleep 0.1; done')}`,
    ...stops,
  ],
  'kills-its-stop': [
    'TimeoutStopSec=3',
    'TimeoutStopFailureMode=kill',
    `ExecStart=${say('main', 'trap "" TERM; while :; do sleep 0.1; done')}`,
    `ExecStop=${say('stop', stays)}`,
    `ExecStopPost=${say('stop-post')}`,
  ],
  'asks-slowly': ['TimeoutStopSec=3', `ExecStart=${say('main', stays)}`, `ExecStop=${say('stop', stays)}`],
  'is-ready': [
    'Type=notify',
    'NotifyAccess=all',
    `ExecStart=${say('main', 'systemd-notify --ready; sleep 1000')}`,
    ...stops,
  ],
  'is-never-ready': ['Type=notify', 'TimeoutStartSec=3', `ExecStart=${say('main', stays)}`, ...stops],
  'says-nothing': ['Type=notify', `ExecStart=${say('main')}`, ...stops],
  hangs: [
    'Type=notify',
    'NotifyAccess=all',
    'WatchdogSec=1',
    `ExecStart=${say('main', 'systemd-notify --ready; sleep 1000')}`,
    ...stops,
  ],
  forks: ['Type=forking', `ExecStart=${say('main', 'sleep 1000 & exit 0')}`, ...stops],
  'forks-nothing': ['Type=forking', `ExecStart=${say('main')}`, ...stops],
  'forks-and-fails': ['Type=forking', `ExecStart=-${say('main', 'sleep 1000 & exit 1')}`, ...stops],
  'forks-and-says-three': [
    'Type=forking',
    'SuccessExitStatus=3',
    `ExecStart=${say('main', 'sleep 1000 & exit 3')}`,
    ...stops,
  ],
  'outlives-its-stop': [
    'Type=oneshot',
    'TimeoutStartSec=3',
    'TimeoutStopSec=3',
    'SendSIGKILL=no',
    'Restart=on-failure',
    'RestartSec=1ms',
    `ExecStart=${say('main', 'trap "" TERM; sleep 30 & wait; wait; sleep 30')}`,
    ...stops,
  ],
  // Nobody ends its main process: it is waited for, where there is ExecStopPost=, and then given up.
  'kills-nothing': ['KillMode=none', 'TimeoutStopSec=3', `ExecStart=${say('main', stays)}`, ...stops],
  'kills-nothing-at-once': ['KillMode=none', `ExecStart=${say('main', stays)}`],
  'kills-nothing-late': ['KillMode=none', 'Type=oneshot', 'TimeoutSec=3', `ExecStart=${say('main', stays)}`, ...stops],
  'kills-nothing-and-restarts': [
    'KillMode=none',
    'RuntimeMaxSec=3',
    'TimeoutStopSec=3',
    'Restart=always',
    `ExecStart=${say('main', stays)}`,
    ...stops,
    ...atMost(2),
  ],
  'ends-while-it-is-not-killed': [
    'KillMode=none',
    'RuntimeMaxSec=3',
    `ExecStart=${say('main', 'sleep 8; exit 3')}`,
    ...stops,
  ],
  'stops-itself-killing-nothing': [
    'KillMode=none',
    `ExecStart=${say('main', stays)}`,
    `ExecStop=/bin/sh -c 'kill $MAINPID; while kill -0 $MAINPID 2>/dev/null; do sleep 0.02; done'`,
    `ExecStopPost=${say('stop-post')}`,
  ],
  'forgives-a-late-oneshot': ['Type=oneshot', 'TimeoutStartSec=3', `ExecStart=-${say('main', stays)}`, ...stops],
  'forgives-a-late-end': [
    'Type=oneshot',
    'TimeoutStartSec=3',
    `ExecStart=-${say('a', 'trap "exit 5" TERM; sleep 1000 & wait')}`,
    `ExecStart=${say('b', 'exit 4')}`,
    ...stops,
  ],
  'forgives-a-late-step': [
    'Type=oneshot',
    'TimeoutStartSec=3',
    `ExecStart=-${say('a', stays)}`,
    `ExecStart=${say('b')}`,
    ...stops,
  ],
  'kills-a-late-step': [
    'Type=oneshot',
    'TimeoutStartSec=3',
    'TimeoutStartFailureMode=kill',
    `ExecStart=-${say('a', stays)}`,
    `ExecStart=${say('b')}`,
    ...stops,
  ],
  'kills-not-its-start': [
    'Type=oneshot',
    'TimeoutSec=3',
    'TimeoutStartFailureMode=kill',
    'SendSIGKILL=no',
    `ExecStart=${say('main', 'trap "" TERM; sleep 30 & wait; wait; sleep 30')}`,
    ...stops,
  ],
  'forgives-what-prepares-slowly': [
    'TimeoutStartSec=3',
    `ExecStartPre=-${say('pre', stays)}`,
    `ExecStart=${say('main')}`,
    ...stops,
  ],
  'forgives-a-late-start': ['Type=notify', 'TimeoutStartSec=3', `ExecStart=-${say('main', stays)}`, ...stops],
  'forgives-a-late-stop': [
    'TimeoutStopSec=3',
    `ExecStart=-${say('main', 'trap "" TERM; while :; do sleep 0.1; done')}`,
    ...stops,
  ],
  'fails-to-fork': ['Type=forking', `ExecStart=${say('main', 'exit 5')}`, ...stops],
  // What was to fork away is no main process, to whose end the exit statuses of Restart= would apply.
  'restarts-not-what-forks': [
    'Type=forking',
    `ExecStart=${say('main', 'exit 7')}`,
    'SuccessExitStatus=7',
    'RestartForceExitStatus=7',
    ...stops,
  ],
  'restarts-what-forks': [
    'Type=forking',
    `ExecStart=${say('main', die('KILL'))}`,
    'Restart=on-abort',
    'RestartPreventExitStatus=KILL',
    ...stops,
    ...atMost(2),
  ],
  'forks-and-lacks-pid': [
    'Type=forking',
    'PIDFile=/nonexistent',
    'TimeoutStartSec=3',
    `ExecStart=${say('main', 'sleep 1000 & exit 0')}`,
    ...stops,
  ],
  'has-variables': [
    'Type=oneshot',
    'Environment="A=x y" B=%n "C=$A" E=',
    `ExecStart=/bin/sh -c 'echo "$A|$B|$C|$0|$@" >> ${trace}' $A \${A} $B x$A "$A" $$A $E \${E} $NONE \${NONE} \${B:-x} a\\x20b`,
    `ExecStart=:/bin/sh -c 'echo "\${A} $0" >> ${trace}' $A`,
    `ExecStart=@/bin/sh other -c 'echo $0 >> ${trace}'`,
    `ExecStart=/bin/sh -c 'echo "$@" >> ${trace}' 0 %N %p %i %j %f %% %a %o %w`,
  ],
  'has-an-invocation': [
    'Type=oneshot',
    `ExecStartPre=/bin/sh -c 'echo $INVOCATION_ID >> ${trace}'`,
    `ExecStart=/bin/sh -c 'echo $INVOCATION_ID >> ${trace}; exit 1'`,
    `ExecStopPost=/bin/sh -c 'echo $INVOCATION_ID >> ${trace}'`,
    'Restart=on-failure',
    ...atMost(2),
  ],
  'says-its-invocation': [
    'Type=oneshot',
    'Environment=INVOCATION_ID=mine',
    `ExecStart=/bin/sh -c 'echo $INVOCATION_ID >> ${trace}'`,
  ],
  'lacks-an-invocation': [
    'Type=oneshot',
    'UnsetEnvironment=INVOCATION_ID',
    `ExecStart=/bin/sh -c 'echo "<$INVOCATION_ID>" >> ${trace}'`,
  ],
  'has-limits': [
    'Type=oneshot',
    'UMask=0027',
    'WorkingDirectory=/usr',
    'LimitNOFILE=100:200',
    'Nice=5',
    `ExecStart=/bin/sh -c 'umask; pwd; ulimit -n; nice; grep Sig[IB] /proc/self/status' `,
    `StandardOutput=append:${trace}`,
  ],
};

/** What is asked of those that run, or remain. */
const lasting = [
  'runs',
  'prepares',
  'remains',
  'only-stops',
  'stops-slowly',
  'hangs-up',
  'asks-slowly',
  'aborts-its-stop',
  'kills-its-stop',
  'kills-nothing',
  'kills-nothing-at-once',
  'stops-itself-killing-nothing',
  'forgives-a-late-stop',
  'is-ready',
  'forks',
  'forks-and-fails',
  'forks-and-says-three',
];
/** systemd goes on to show the last failure where there was one; here it is said why there is no further start. */
const limited = [
  'restarts-on-failure',
  'restarts-on-abort',
  'restarts-oneshot',
  'restarts-what-forks',
  'has-an-invocation',
  'kills-nothing-and-restarts',
];

/** systemd goes on with the next command of a oneshot when one is forgiven that took too long; here nothing begins any more. */
const stepsOn = ['forgives-a-late-end', 'forgives-a-late-step', 'kills-a-late-step'];

const nameOf = (service: string) => `${service}.service`;
const names = Object.keys(services);
const isOver = ({ active, sub }: Pick<ShownUnit, 'active' | 'sub'>) =>
  active === 'inactive' || active === 'failed' || (active === 'active' && sub === 'exited');

interface Life {
  started: ShownUnit;
  stopped: ShownUnit;
  trace: string;
}

type Show = () => Promise<Map<string, ShownUnit>>;

async function watchLives(
  show: Show,
  stop: (units: string[]) => Promise<void>,
  traces: string,
): Promise<Map<string, Life>> {
  const settled = async (isSettled: (service: string, shown: ShownUnit) => boolean) => {
    const shown = await show();
    const isDone = names.every((service) => isSettled(service, shown.get(nameOf(service)) ?? assert.fail(service)));
    return isDone && shown;
  };
  const runs = ({ active, sub }: ShownUnit) => active === 'active' && sub === 'running';
  const started = await until(
    'all services have come to rest, or run',
    () => settled((service, shown) => isOver(shown) || (lasting.includes(service) && runs(shown))),
    60_000,
  );
  // Of a service without Type=notify it is not known when its command has come to what it says.
  await until('all have said what they are', () =>
    Promise.all(lasting.map((each) => read(traces, each))).then((said) =>
      said.every((text, index) => text !== '' || lasting[index] === 'only-stops'),
    ),
  );
  await stop(lasting.map(nameOf));
  const stopped = await until(
    'all services are stopped',
    () => settled((_, { active }) => active === 'inactive' || active === 'failed'),
    60_000,
  );
  const lives = await Promise.all(
    names.map(async (service): Promise<[string, Life]> => {
      const of = (all: Map<string, ShownUnit>) => all.get(nameOf(service)) ?? assert.fail(service);
      return [service, { started: of(started), stopped: of(stopped), trace: await read(traces, service) }];
    }),
  );
  return new Map(lives);
}

async function read(traces: string, service: string): Promise<string> {
  const text = await readFile(join(traces, service), 'utf8').catch(() => '');
  return withNumberedInvocations(text).replaceAll(/ +$/gm, '');
}

/** Ids of activations are random: which lines have the same one is compared. */
function withNumberedInvocations(text: string): string {
  const ids: string[] = [];
  return text.replaceAll(/\b[0-9a-f]{32}\b/g, (id) => {
    if (!ids.includes(id)) ids.push(id);
    return `invocation ${ids.indexOf(id) + 1}`;
  });
}

function textOf(service: string, traces: string): string {
  return `[Service]\n${services[service]?.join('\n').replaceAll(trace, join(traces, service))}\n`;
}

async function livesUnderSystemd(traces: string): Promise<Map<string, Life>> {
  const systemd = await startSystemd(Object.fromEntries(names.map((name) => [nameOf(name), textOf(name, traces)])));
  try {
    await systemd.start();
    return await watchLives(() => systemd.show(names.map(nameOf)), systemd.stop, traces);
  } finally {
    await systemd.close();
  }
}

async function livesHere(traces: string, directory: string): Promise<Map<string, Life>> {
  const runtime = createProcessRuntime({ directory, machine: 'judged', clock: systemClock });
  const host = await readHostFacts({ hostname: 'h', machineId: 'm', bootId: 'b' });
  const reports = new Map<string, UnitReport>();
  const units = new Map<string, Unit>();
  for (const name of names.map(nameOf)) {
    const first = { ...assigned(textOf(name.slice(0, -'.service'.length), traces)), name };
    const input = {
      assigned: first,
      spec: specOf(first, host),
      runtimes: { process: runtime, docker: null },
      clock: systemClock,
      newInvocation: () => randomBytes(16).toString('hex'),
    };
    const onReport = (report: UnitReport) => void reports.set(name, report);
    units.set(name, createUnit({ ...input, rest: null, mayRun: false }, { onReport, onGone: () => undefined }));
  }
  const show = async () =>
    new Map(
      Array.from(reports, ([name, { active, sub, result, restarts = 0 }]) => [name, { active, sub, result, restarts }]),
    );
  const stop = async (stopped: string[]) => {
    for (const name of stopped) {
      const unit = units.get(name) ?? assert.fail(name);
      unit.setGoal({ ...unit.assigned, goal: 2, desired: 'loaded' });
    }
  };
  try {
    return await watchLives(show, stop, traces);
  } finally {
    for (const unit of units.values()) unit.abandon();
    await Promise.all(names.map((name) => runtime.remove(nameOf(name))));
    runtime.close();
  }
}

function comparable(service: string, { started, stopped, trace }: Life): object {
  if (stepsOn.includes(service)) return { started, stopped, trace: firstLine(trace) };
  if (!limited.includes(service)) return { started, stopped, trace };
  return { started: { ...started, result: '' }, stopped: { ...stopped, result: '' }, trace };
}

const firstLine = (text: string) => text.split('\n')[0];

test('services live as under systemd', { skip, timeout: 240_000 }, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-lives-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const traces = (of: string) => join(directory, of);
  for (const of of ['theirs', 'ours']) await mkdir(traces(of));
  const theirs = await livesUnderSystemd(traces('theirs'));
  const ours = await livesHere(traces('ours'), join(directory, 'units'));
  const differing = names.flatMap((service) => {
    const [judged, own] = [theirs, ours].map((lives) =>
      comparable(service, lives.get(service) ?? assert.fail(service)),
    );
    return isDeepStrictEqual(own, judged) ? [] : [{ service, systemd: judged, flotilla: own }];
  });
  assert.deepEqual(differing, []);
  t.diagnostic(
    `${names.length} services have the same states, results, restarts and commands, with the same variables`,
  );
});
