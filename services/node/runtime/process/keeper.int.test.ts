import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { systemClock } from '../../../../shared/clock/systemClock.ts';
import type { ServiceSpec } from '../../../../shared/domain/unitSpec.ts';
import { until } from '../../../../test/support/until.ts';
import type { NoticeBoard } from '../notify/noticeBoard.ts';
import { createProcessRuntime, type ProcessRuntime } from '../process.ts';
import { commandOf, serviceOf } from '../runtime.contract.ts';
import type { MainProcess } from '../runtime.ts';
import { isAlive, readProcess } from './processTable.ts';
import type { SupervisedMain } from './supervisedMain.ts';

const unit = 'a.service';
const never = new AbortController().signal;
const isRoot = process.getuid?.() === 0;

// The judge of what is sent is systemd's own systemd-notify.
describe('a command with a keeper', { timeout: 60_000 }, () => {
  let directory: string;
  let runtime: ProcessRuntime;
  const makeRuntime = () => createProcessRuntime({ directory, machine: 'm', clock: systemClock });
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'keeper-'));
    runtime = makeRuntime();
  });
  afterEach(async () => {
    await runtime.remove(unit);
    runtime.close();
    await rm(directory, { recursive: true });
  });

  const start = (script: string, service: Partial<ServiceSpec> = {}) => {
    const command = commandOf('/bin/sh', '-c', script);
    const spec = serviceOf(command, { type: 'notify', notifyAccess: 'main', ...service });
    return runtime.start({ unit, hash: 'h', token: 1, command, service: spec, environment: { PATH: '/usr/bin:/bin' } });
  };
  const said = (main: MainProcess) => main.notices?.current() ?? assert.fail('nobody listens');

  it('is heard, message after message', async () => {
    const main = await start(
      'systemd-notify --ready --status="all fine"; systemd-notify WATCHDOG=1 ERRNO=2; exec sleep 1000',
    );
    await until('it was heard', () => said(main).watchdog > 0);
    const { ready, watchdog, status, errno } = said(main);
    assert.deepEqual({ ready, watchdog, status, errno }, { ready: 1, watchdog: 2, status: 'all fine', errno: 2 });
  });

  it('is heard as another user, and its watcher is told', { skip: !isRoot }, async () => {
    const main = await start('systemd-notify --ready; exec sleep 1000', { user: 'nobody', notifyAccess: 'all' });
    let told = 0;
    const unwatch = main.notices?.watch(() => told++);
    await until('it was heard', () => said(main).ready > 0);
    unwatch?.();
  });

  for (const [notifyAccess, heard] of [
    ['main', false],
    ['exec', false],
    ['all', true],
  ] as const) {
    it(`with NotifyAccess=${notifyAccess} ${heard ? 'may let a child of it speak' : 'speaks for itself alone'}`, async () => {
      // Perl's child sends under its own pid, whatever its rights.
      const child = `perl -e 'socket(S,1,2,0); send(S,"READY=1",0,pack("S a*",1,$ENV{NOTIFY_SOCKET})) or die $!; sleep 1000' & `;
      const main = await start(`${child} sleep 0.2; systemd-notify STATUS=done; exec sleep 1000`, { notifyAccess });
      await until('it was heard', () => said(main).status === 'done');
      assert.equal(said(main).ready > 0, heard);
    });
  }

  it('with NotifyAccess=exec lets control commands speak, too', async () => {
    const main = await start('exec sleep 1000', { notifyAccess: 'exec' });
    const command = commandOf('/bin/sh', '-c', 'systemd-notify --ready');
    const service = serviceOf(command, { type: 'notify', notifyAccess: 'exec' });
    await runtime.run({ unit, command, service, environment: { PATH: '/usr/bin:/bin' } }, never);
    await until('it was heard', () => said(main).ready > 0);
  });

  it('is not spoken for by anybody else on the machine', async () => {
    const main = await start('exec sleep 1000', { notifyAccess: 'all' });
    const board = main.notices as NoticeBoard;
    execFileSync('/usr/bin/systemd-notify', ['--pid=1', '--ready'], { env: { NOTIFY_SOCKET: board.socket } });
    execFileSync('/usr/bin/systemd-notify', ['--ready'], { env: { NOTIFY_SOCKET: board.socket } });
    assert.equal(said(main).ready, 0);
  });

  it('may name another main process, whose end is then the unit’s', async () => {
    const main = await start('(sleep 0.3; exit 7) & systemd-notify --ready MAINPID=$!; exit 3');
    await until('it was heard', () => said(main).mainPid !== undefined);
    assert.equal(main.pid, said(main).mainPid);
    assert.deepEqual(await main.exited, { kind: 'exited', code: 7 });
  });

  it('cannot name a process of somebody else as its main process', async () => {
    const main = await start(
      `systemd-notify --ready MAINPID=${process.pid}; systemd-notify STATUS=said; sleep 0.2; exit 3`,
    );
    await until('it was heard', () => said(main).status === 'said');
    assert.equal(said(main).mainPid, undefined);
    assert.equal(said(main).ready, 1);
    assert.deepEqual(await main.exited, { kind: 'exited', code: 3 });
  });

  it('is heard while no agent runs, and the next one knows it all', async () => {
    const flag = join(directory, 'go');
    await start(`until [ -e ${flag} ]; do sleep 0.05; done; systemd-notify --ready; systemd-notify STOPPING=1; exit 5`);
    runtime.close();
    execFileSync('touch', [flag]);
    runtime = makeRuntime();
    const main = (await runtime.adopt({ unit, hash: 'h' })) ?? assert.fail('not found');
    assert.deepEqual(await main.exited, { kind: 'exited', code: 5 });
    assert.deepEqual([said(main).ready, said(main).stopping], [1, 2]);
  });

  it('ends as it ended: with its own status, or of its signal', async () => {
    assert.deepEqual(await (await start('exit 143')).exited, { kind: 'exited', code: 143 });
    const main = await start('exec sleep 1000');
    await main.signal('SIGINT', 'main');
    assert.deepEqual(await main.exited, { kind: 'killed', signal: 'SIGINT' });
  });

  it('finds WATCHDOG_USEC in its environment, and nothing of the keeper’s', async () => {
    const main = await start(
      'systemd-notify "STATUS=$WATCHDOG_USEC $(env | cut -d= -f1 | sort | tr "\\n" " ")"; exec sleep 1000',
      {
        watchdogMs: 2_500,
      },
    );
    await until('it was heard', () => said(main).status !== undefined);
    assert.equal(said(main).status, '2500000 NOTIFY_SOCKET PATH PWD WATCHDOG_USEC ');
  });

  /** Forks twice, as a daemon does, and then writes its pid. */
  const daemon = (pidFile: string) =>
    `perl -e 'fork and exit 0; fork and exit 0; open F, ">", "${pidFile}"; print F "$$\\n"; close F; sleep 1; exit 9'`;

  it('that forks away is followed by its pid file', async () => {
    const pidFile = join(directory, 'pid');
    const main = await start(daemon(pidFile), { type: 'forking', notifyAccess: 'none', pidFile });
    await until('it was heard', () => said(main).ready > 0);
    assert.equal(readProcess(main.pid ?? 0)?.state, 'S');
    assert.deepEqual(await main.exited, { kind: 'exited', code: 9 });
  });

  it('that forks away and leaves one process behind is that process, also when it is told to stop', async () => {
    const main = await start('setsid sleep 1000 & exit 0', { type: 'forking', notifyAccess: 'none' });
    await until('it was heard', () => said(main).ready > 0);
    await main.signal('SIGTERM', 'main');
    assert.deepEqual(await main.exited, { kind: 'killed', signal: 'SIGTERM' });
  });

  it('whose first process fails has forked away all the same where that counts as success', async () => {
    const successExitStatus = { codes: [4], signals: ['SIGUSR1'] };
    for (const end of ['exit 4', 'kill -USR1 $$']) {
      const main = await start(`setsid sleep 1000 & ${end}`, {
        type: 'forking',
        notifyAccess: 'none',
        successExitStatus,
      });
      await until('it was heard', () => said(main).ready > 0);
      await main.signal('SIGTERM', 'main');
      assert.deepEqual(await main.exited, { kind: 'killed', signal: 'SIGTERM' });
    }
  });

  it('whose first process fails has failed', async () => {
    const main = await start('sleep 1000 & exit 4', { type: 'forking', notifyAccess: 'none' });
    assert.deepEqual(await main.exited, { kind: 'exited', code: 4 });
    assert.equal(said(main).ready, 0);
  });

  for (const kept of [true, false]) {
    it(`tells ${kept ? '' : '(and so does one without) '}when nothing is left of what it left behind`, async () => {
      const main = await start(
        'trap "" INT; sleep 1000 & exit 0',
        kept ? {} : { type: 'simple', notifyAccess: 'none' },
      );
      await main.exited;
      const now = AbortSignal.abort();
      assert.equal(await main.emptied?.(now), false);
      await main.signal('SIGINT', 'all');
      assert.equal(await main.emptied?.(now), false, 'it takes no notice of SIGINT');
      await main.signal('SIGTERM', 'all');
      assert.equal(await main.emptied?.(never), true);
    });
  }

  it('leaves nothing when it is removed: no process, no socket', async () => {
    const main = await start('systemd-notify --ready; exec sleep 1000');
    await until('it was heard', () => said(main).ready > 0);
    const { shim } = (main as SupervisedMain).record;
    await runtime.remove(unit);
    assert.equal(existsSync(join((main.notices as NoticeBoard).directory, '..')), false);
    assert.equal(isAlive(shim), false);
  });
});
