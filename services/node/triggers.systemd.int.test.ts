/** systemd itself as the judge of what timers, paths and sockets start: the same units are run by it and by ours. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../shared/clock/systemClock.ts';
import type { UnitReport } from '../../shared/domain/events.ts';
import { until } from '../../test/support/until.ts';
import { createMachineFacts } from './conditions/machineFacts.ts';
import { LeaseKeeper } from './leaseKeeper.ts';
import { boardsOf } from './runtime/notify/noticeBoard.ts';
import { createProcessRuntime } from './runtime/process.ts';
import { SocketSite } from './sockets/socketHolder.ts';
import { type ShownUnit, startSystemd, whyNoManager } from './testing/systemdManager.ts';
import { assigned } from './testing/unitSimulation.ts';
import { UnitRegistry } from './unitRegistry.ts';

const why = await whyNoManager();
const skip = why === null || process.env.FLOTILLA_REQUIRE_SYSTEMD === '1' ? false : why;

/** Stands for a directory of the units' own, for what they leave there. */
const here = '%DIRECTORY%';
const soon = 'OnActiveSec=100ms\nAccuracySec=1ms';
const says = (what: string) => `Type=oneshot\nExecStart=/bin/sh -c 'echo ${what} >> ${here}/trace'`;

/** What each command of a service is told of what has started it; of times only whether they are told. */
const told = ['ExecCondition', 'ExecStartPre', 'ExecStart', 'ExecStartPost', 'ExecStop', 'ExecStopPost']
  .map((directive) => {
    const times = '$${TRIGGER_TIMER_REALTIME_USEC:+real} $${TRIGGER_TIMER_MONOTONIC_USEC:+monotonic}';
    return `${directive}=/bin/sh -c 'echo %p ${directive} "<$TRIGGER_UNIT|$TRIGGER_PATH|${times}>" >> ${here}/trace'`;
  })
  .join('\n');
const calls = (socket: string) =>
  `ExecStart=/usr/bin/perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Peer => "${here}/${socket}") or die; sleep 1000'`;

/** Units; those with `started` are started, the others only there. */
const units: Record<string, { text: string; started?: true; ends: string }> = {
  'site.timer': { started: true, text: `[Timer]\n${soon}\nUnit=site.target`, ends: 'active running' },
  'site.target': { text: '[Unit]\nRequires=required.service\nWants=wanted.service', ends: 'active active' },
  'required.service': { text: '[Service]\nExecStart=/bin/sleep 1000', ends: 'active running' },
  'wanted.service': { text: `[Service]\n${says('wanted')}`, ends: 'inactive dead' },
  'outer.timer': { started: true, text: `[Timer]\n${soon}\nUnit=inner.timer`, ends: 'active running' },
  'inner.timer': { text: `[Timer]\n${soon}\nUnit=inner.service`, ends: 'active elapsed' },
  'inner.service': { text: `[Service]\n${says('inner')}`, ends: 'inactive dead' },
  'short.timer': { started: true, text: `[Timer]\n${soon}\nUnit=ends.timer`, ends: 'active elapsed' },
  'ends.timer': { text: `[Timer]\n${soon}\nRemainAfterElapse=no\nUnit=short.service`, ends: 'inactive dead' },
  'short.service': { text: `[Service]\n${says('short')}`, ends: 'inactive dead' },
  'opens.timer': { started: true, text: `[Timer]\n${soon}\nUnit=opened.socket`, ends: 'active running' },
  'opened.socket': { text: `[Socket]\nListenStream=${here}/socket`, ends: 'active listening' },
  'opened.service': { text: '[Service]\nExecStart=/bin/sleep 1000', ends: 'inactive dead' },
  'looks.path': { started: true, text: '[Path]\nPathExists=/bin/sh\nUnit=seen.target', ends: 'active running' },
  'seen.target': { text: '[Unit]\nDescription=x', ends: 'active active' },
  'watches.path': { started: true, text: '[Path]\nPathExists=/bin/sh\nUnit=watched.path', ends: 'active running' },
  'watched.path': { text: '[Path]\nPathExists=/bin/sh\nUnit=watched.service', ends: 'active running' },
  'watched.service': { text: '[Service]\nExecStart=/bin/sleep 1000', ends: 'active running' },
  'fails.path': { started: true, text: '[Path]\nPathExists=/bin/sh', ends: 'failed failed' },
  'fails.service': {
    text: '[Unit]\nStartLimitBurst=3\nStartLimitIntervalSec=1h\n[Service]\nType=oneshot\nExecStart=/bin/false',
    ends: 'failed failed',
  },
  'tries.timer': { started: true, text: `[Timer]\n${soon}\nOnUnitInactiveSec=50ms`, ends: 'active waiting' },
  'tries.service': {
    text: '[Unit]\nStartLimitBurst=3\nStartLimitIntervalSec=1h\n[Service]\nType=oneshot\nExecStart=/bin/false',
    ends: 'failed failed',
  },
  'cron.timer': { started: true, text: `[Timer]\n${soon}\nUnit=cron.target`, ends: 'active elapsed' },
  'cron.target': { text: '[Unit]\nStopWhenUnneeded=yes\nWants=cron.service', ends: 'inactive dead' },
  'cron.service': { text: '[Service]\nExecStart=/bin/sleep 1000', ends: 'active running' },
  'needs.timer': { started: true, text: `[Timer]\n${soon}\nUnit=needs.service`, ends: 'active elapsed' },
  'needs.service': {
    text: '[Unit]\nRequires=needed.service\nAfter=needed.service\n[Service]\nType=exec\nExecStart=/bin/sleep 0.5',
    ends: 'inactive dead',
  },
  'needed.service': {
    text: '[Unit]\nStopWhenUnneeded=yes\n[Service]\nExecStart=/bin/sleep 1000',
    ends: 'inactive dead',
  },
  'lacks.path': { started: true, text: `[Path]\nPathExists=${here}/none`, ends: 'active waiting' },
  'lacks.service': { text: `[Service]\n${says('lacks')}`, ends: 'inactive dead' },
  'times.timer': { started: true, text: `[Timer]\n${soon}`, ends: 'active elapsed' },
  'times.service': { text: `[Service]\nType=oneshot\n${told}`, ends: 'inactive dead' },
  'finds.path': { started: true, text: `[Path]\nPathExists=/none\nPathExists=/bin/sh`, ends: 'active running' },
  'finds.service': { text: `[Service]\nType=oneshot\nRemainAfterExit=yes\n${told}`, ends: 'active exited' },
  'globs.path': { started: true, text: '[Path]\nPathExistsGlob=/bin/s[h]', ends: 'active running' },
  'braces.path': {
    started: true,
    text: '[Path]\nPathExistsGlob=/bin/{nothere,s[h]}',
    ends: 'active running',
  },
  'braces.service': { text: `[Service]\nType=oneshot\nRemainAfterExit=yes\n${told}`, ends: 'active exited' },
  'empty.path': { started: true, text: `[Path]\nDirectoryNotEmpty=${here}/backups`, ends: 'active waiting' },
  'empty.service': { text: `[Service]\n${says('not empty')}`, ends: 'inactive dead' },
  'globs.service': { text: `[Service]\nType=oneshot\nRemainAfterExit=yes\n${told}`, ends: 'active exited' },
  'called.socket': { started: true, text: `[Socket]\nListenStream=${here}/called`, ends: 'active running' },
  'called.service': { text: `[Service]\nType=oneshot\nRemainAfterExit=yes\n${told}`, ends: 'active exited' },
  'calls.service': {
    started: true,
    text: `[Unit]\nAfter=called.socket\n[Service]\n${calls('called')}`,
    ends: 'active running',
  },
  'started.service': { started: true, text: `[Service]\nType=oneshot\n${told}`, ends: 'inactive dead' },
  'wants.timer': { started: true, text: `[Timer]\n${soon}\nUnit=wants.target`, ends: 'active running' },
  'wants.target': { text: '[Unit]\nWants=pulled.service', ends: 'active active' },
  'pulled.service': { text: `[Service]\nType=oneshot\n${told}`, ends: 'inactive dead' },
  'again.timer': { started: true, text: `[Timer]\n${soon}`, ends: 'active elapsed' },
  'again.service': {
    text: `[Unit]\nStartLimitBurst=2\nStartLimitIntervalSec=1h\n[Service]\nType=oneshot\nRestart=on-failure\nRestartSec=1ms\n${told}\nExecStart=/bin/false`,
    ends: 'failed failed',
  },
  'many.socket': {
    started: true,
    text: `[Socket]\nListenStream=${here}/made/stream\nListenDatagram=${here}/made/datagram\nListenStream=@${here}/abstract\nSocketMode=0640\nDirectoryMode=0750\nFileDescriptorName=some.name\nRemoveOnStop=yes`,
    ends: 'active listening',
  },
  'many.service': {
    started: true,
    text: `[Unit]\nRequires=many.socket\n[Service]\n${says(`$LISTEN_FDS $LISTEN_FDNAMES $(stat -c "%%a %%F" ${here}/made ${here}/made/* | tr "\\n" " ")`)}\nRemainAfterExit=yes`,
    ends: 'active exited',
  },
  'oneof.socket': {
    started: true,
    text: `[Socket]\nListenStream=${here}/one\nService=both.service`,
    ends: 'active listening',
  },
  'otherof.socket': {
    started: true,
    text: `[Socket]\nListenStream=${here}/other\nFileDescriptorName=other\nService=both.service`,
    ends: 'active listening',
  },
  // Its calls start another service.
  'third.socket': { started: true, text: `[Socket]\nListenStream=${here}/third`, ends: 'active listening' },
  'third.service': { text: '[Service]\nExecStart=/bin/sleep 1000', ends: 'inactive dead' },
  'both.service': {
    started: true,
    text: `[Service]\nSockets=oneof.socket otherof.socket\nSockets=third.socket\n${says('$LISTEN_FDS; echo $LISTEN_FDNAMES | tr : "\\n" | sort')}\nRemainAfterExit=yes`,
    ends: 'active exited',
  },
  'deaf.socket': { started: true, text: `[Socket]\nListenStream=${here}/deaf`, ends: 'failed failed' },
  'deaf.service': {
    text: '[Unit]\nStartLimitBurst=100\n[Service]\nType=oneshot\nExecStart=/bin/true',
    ends: 'inactive dead',
  },
  'calls-deaf.service': {
    started: true,
    text: `[Unit]\nAfter=deaf.socket\n[Service]\n${calls('deaf')}`,
    ends: 'active running',
  },
  'busy.socket': { started: true, text: `[Socket]\nListenStream=/proc/nowhere/socket`, ends: 'failed failed' },
  'busy.service': { text: '[Service]\nExecStart=/bin/sleep 1000', ends: 'inactive dead' },
  'upholds.service': {
    started: true,
    text: '[Unit]\nUpholds=upheld.service\n[Service]\nExecStart=/bin/sleep 1000',
    ends: 'active running',
  },
  'upheld.service': {
    started: true,
    text: `[Unit]\nRequires=below.service\nAfter=below.service\nWants=beside.service\n[Service]\nExecStart=/bin/sh -c 'mkdir ${here}/once || exec sleep 1000'`,
    ends: 'active running',
  },
  'below.service': {
    started: true,
    text: `[Unit]\nRequires=lowest.service\n[Service]\n${says('below')}`,
    ends: 'inactive dead',
  },
  'lowest.service': { started: true, text: `[Service]\n${says('lowest')}`, ends: 'inactive dead' },
  'beside.service': { started: true, text: `[Service]\n${says('beside')}`, ends: 'inactive dead' },
  // What is asked for and what is handed over go together: the socket is open before the service runs.
  'asks.service': {
    started: true,
    text: `[Unit]\nRequires=asked.socket\n[Service]\n${says('$LISTEN_FDS $LISTEN_FDNAMES')}\nRemainAfterExit=yes`,
    ends: 'active exited',
  },
  'asked.socket': {
    started: true,
    text: `[Socket]\nListenStream=${here}/asked\nService=asks.service`,
    ends: 'active listening',
  },
};
const names = Object.keys(units);
const started = names.filter((name) => units[name]?.started);

type Shown = Pick<ShownUnit, 'active' | 'sub' | 'result'>;

interface Outcome {
  states: Record<string, string>;
  /** What the services have said; in whichever order. */
  trace: string[];
}

/** Targets have no results for systemd; of a service it goes on to show the last failure where its start limit was hit. */
function stateOf(name: string, { active, sub, result }: Shown): string {
  const isTold = !name.endsWith('.target') && result !== 'start-limit-hit' && result !== 'exit-code';
  return `${active} ${sub} ${isTold ? `(${result})` : ''}`;
}

async function outcome(directory: string, show: () => Promise<Map<string, Shown>>): Promise<Outcome> {
  let states: Record<string, string> = {};
  const isSettled = async () => {
    const shown = await show();
    states = Object.fromEntries(Array.from(shown, ([name, one]) => [name, stateOf(name, one)]));
    return names.every((name) => states[name]?.startsWith(`${units[name]?.ends} `));
  };
  // What differs is told by the comparison.
  await until('all is as it is to be', isSettled, 15_000).catch(() => undefined);
  const trace = await readFile(join(directory, 'trace'), 'utf8').catch(() => '');
  return { states, trace: trace.split('\n').sort() };
}

const textsIn = (directory: string) =>
  Object.entries(units).map(([name, { text }]): [string, string] => [name, `${text.replaceAll(here, directory)}\n`]);

async function underSystemd(directory: string): Promise<Outcome> {
  const systemd = await startSystemd(Object.fromEntries(textsIn(directory)), started);
  try {
    await systemd.start();
    return await outcome(directory, () => systemd.show(names));
  } finally {
    await systemd.close();
  }
}

async function underOurs(directory: string): Promise<Outcome> {
  const runtime = createProcessRuntime({ directory: join(directory, 'units'), machine: 'judged', clock: systemClock });
  const sockets = new SocketSite(directory);
  const reports = new Map<string, UnitReport>();
  const registry = new UnitRegistry({
    runtimes: { process: runtime, docker: null },
    leases: new LeaseKeeper({ clock: systemClock }),
    clock: systemClock,
    sockets,
    machine: createMachineFacts(''),
    facts: { hostname: 'h', machineId: 'm', bootId: 'b'.repeat(32), kernelRelease: '6' },
    onReport: (report) => void reports.set(report.unit, report),
    given: () => ({}),
    onActive: () => undefined,
    onForget: () => undefined,
    onChange: () => undefined,
    onError: (error) => assert.fail(String(error)),
  });
  const all = textsIn(directory).map(([name, text]) =>
    assigned(text, { name, desired: started.includes(name) ? 'launched' : 'loaded' }),
  );
  try {
    registry.apply({ machine: 'm', cluster: 'c', session: 's', version: 1, units: all });
    return await outcome(directory, async () => reports);
  } finally {
    await registry.drain('the test is over');
    await sockets.sweep([]);
    await rm(boardsOf(join(directory, 'sockets')), { recursive: true, force: true });
    runtime.close();
  }
}

test('timers, paths and sockets start what they start under systemd', { skip, timeout: 120_000 }, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-starts-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const [theirs, ours] = [join(directory, 'theirs'), join(directory, 'ours')];
  for (const one of [theirs, ours]) {
    await mkdir(join(one, 'backups'), { recursive: true });
    for (const name of ['.hidden', 'x~', 'y.dpkg-old']) await writeFile(join(one, 'backups', name), '');
  }
  const judged = await underSystemd(theirs);
  const own = await underOurs(ours);
  assert.deepEqual(own, judged);
  const otherwise = names.filter((name) => !judged.states[name]?.startsWith(`${units[name]?.ends} `));
  assert.deepEqual(otherwise, []);
  t.diagnostic(`${names.length} units are in the same states`);
});
