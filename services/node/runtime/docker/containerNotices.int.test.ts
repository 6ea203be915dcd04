import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { systemClock } from '../../../../shared/clock/systemClock.ts';
import type { ServiceSpec } from '../../../../shared/domain/unitSpec.ts';
import { dockerSkip, ensureImage } from '../../../../test/support/docker.ts';
import { until } from '../../../../test/support/until.ts';
import { createDockerRuntime, type DockerRuntime } from '../docker.ts';
import type { NoticeBoard } from '../notify/noticeBoard.ts';
import { isAlive, readProcess } from '../process/processTable.ts';
import { commandOf, serviceOf } from '../runtime.contract.ts';
import type { MainProcess } from '../runtime.ts';

const skip = await dockerSkip();
if (!skip) await ensureImage('notify');

const unit = 'talks.service';
const image = 'flotilla/notify';

// What is sent is systemd's own: systemd-notify, in the container.
describe('a container that talks', { skip, timeout: 60_000 }, () => {
  let machine: string;
  let runtime: DockerRuntime;
  const open = () => createDockerRuntime({ machine, clock: systemClock });
  beforeEach(() => {
    machine = randomBytes(16).toString('hex');
    runtime = open();
  });
  afterEach(async () => {
    await runtime.remove(unit);
    runtime.close();
  });

  const startCommand = (argv: string[], changes: Partial<ServiceSpec>) => {
    const [path = '', ...args] = argv;
    const command = commandOf(path, ...args);
    const service = serviceOf(command, { type: 'notify', notifyAccess: 'all', ...changes });
    return runtime.start({ unit, hash: 'h', token: 1, command, service, environment: { PATH: '/bin' } });
  };
  /** By a docker line. */
  const start = (script: string, changes: Partial<ServiceSpec> = {}, ...options: string[]) =>
    startCommand(['/usr/bin/docker', 'run', ...options, image, 'sh', '-c', script], changes);
  const said = (main: MainProcess) => main.notices?.current() ?? assert.fail('nobody listens');
  const boardOf = (main: MainProcess) => main.notices as NoticeBoard;

  it('is heard, message after message, and its watcher is told', async () => {
    const main = await start('systemd-notify --ready --status="all fine"; systemd-notify WATCHDOG=1; exec sleep 1000');
    let told = 0;
    const unwatch = main.notices?.watch(() => told++);
    await until('it was heard', () => said(main).watchdog > 0);
    unwatch?.();
    assert.deepEqual([said(main).ready, said(main).status], [1, 'all fine']);
  });

  it('of Image= is heard as another user, on a file system that is read-only', async () => {
    const none = { switches: [], readOnlyPaths: [], readWritePaths: [], inaccessiblePaths: [], temporary: [] };
    const main = await startCommand(['/bin/sh', '-c', 'systemd-notify --ready; exec sleep 1000'], {
      image,
      user: 'nobody',
      sandbox: { ...none, binds: [], devices: [], protectSystem: 'strict', protectHome: 'no' },
    });
    await until('it was heard', () => said(main).ready > 0);
  });

  it('finds its variables in its environment, whatever its line says, and its own directory read-only', async () => {
    const main = await start(
      'systemd-notify "STATUS=$NOTIFY_SOCKET $WATCHDOG_USEC $(rm $NOTIFY_SOCKET 2>/dev/null || echo kept)"; sleep 1000',
      { watchdogMs: 2_500 },
      '--env=NOTIFY_SOCKET=/elsewhere',
      '--read-only',
      '--tmpfs=/run',
    );
    await until('it was heard', () => said(main).status !== undefined);
    assert.equal(said(main).status, '/run/notify/notify 2500000 kept');
  });

  it('is spoken for by nobody who does not have its socket: on the machine only the agent’s user gets there', async () => {
    const main = await start('exec sleep 1000');
    const { directory, socketDirectory } = boardOf(main);
    for (const path of [dirname(directory), directory]) assert.equal(statSync(path).mode & 0o777, 0o700);
    assert.equal(statSync(socketDirectory).mode & 0o777, 0o711);
  });

  // Busybox's shell replaces itself by its last command alone.
  const inTurn = 'systemd-notify --ready; systemd-notify STATUS=child; exec systemd-notify STATUS=main';
  for (const [how, options] of [
    ['its first process', []],
    ['what stands behind its init', ['--init']],
    ['its first process, in the machine’s own namespace,', ['--pid=host']],
  ] as const) {
    it(`with NotifyAccess=main is ${how} alone`, async () => {
      const main = await start(inTurn, { notifyAccess: 'main' }, ...options);
      await until('it was heard', () => said(main).status !== undefined);
      assert.deepEqual([said(main).status, said(main).ready], ['main', 0]);
    });
  }

  it('cannot name a main process: the engine follows the first one', async () => {
    const main = await start('systemd-notify MAINPID=7 STATUS=said; exec sleep 1000');
    await until('it was heard', () => said(main).status === 'said');
    assert.equal(said(main).mainPid, undefined);
  });

  it('is heard while no agent runs, and the next one knows it all', async () => {
    const name = `talks-${machine.slice(0, 8)}`;
    await start(
      'systemd-notify --ready; until [ -e /go ]; do sleep 0.05; done; systemd-notify STOPPING=1; sleep 1000',
      {},
      `--name=${name}`,
    );
    runtime.close();
    execFileSync('docker', ['exec', name, 'touch', '/go']);
    runtime = open();
    const main = (await runtime.adopt({ unit, hash: 'h' })) ?? assert.fail('not found');
    await until('it was heard', () => said(main).stopping > 0);
    assert.deepEqual([said(main).ready, said(main).stopping], [1, 2]);
  });

  it('is heard by another listener where the first was killed, which goes on counting', async () => {
    const main = await start('systemd-notify --ready; while :; do systemd-notify WATCHDOG=1; sleep 0.05; done');
    await until('it was heard', () => said(main).watchdog > 0);
    const [listener = assert.fail('nobody listens')] = listenersOf(boardOf(main));
    process.kill(listener.pid, 'SIGKILL');
    await until('it is gone', () => !isAlive(listener));
    const before = said(main).watchdog;
    runtime.close();
    runtime = open();
    const adopted = (await runtime.adopt({ unit, hash: 'h' })) ?? assert.fail('not found');
    await until('it is heard again', () => said(adopted).watchdog > before);
    assert.equal(said(adopted).ready, 1);
  });

  it('has one listener, however often it is adopted, and none after its end', async () => {
    const main = await start('systemd-notify --ready; exec sleep 1000');
    await until('it was heard', () => said(main).ready > 0);
    for (let i = 0; i < 3; i++) await runtime.adopt({ unit, hash: 'h' });
    assert.equal(listenersOf(boardOf(main)).length, 1);
    await main.signal('SIGKILL', 'main');
    await main.exited;
    await until('nobody listens', () => listenersOf(boardOf(main)).length === 0);
    assert.equal(said(main).ready, 1);
    assert.equal((await runtime.adopt({ unit, hash: 'h' }))?.notices?.current().ready, 1);
    await runtime.remove(unit);
    assert.equal(existsSync(boardOf(main).directory), false);
  });

  it('says nothing of an earlier activation', async () => {
    const first = await start('systemd-notify --ready; exec sleep 1000');
    await until('it was heard', () => said(first).ready > 0);
    const second = await start('exec sleep 1000');
    assert.equal(said(second).ready, 0);
  });

  it('has no socket where nobody listens', async () => {
    const main = await start('exec sleep 1000', { type: 'simple', notifyAccess: 'none' });
    assert.equal(main.notices, undefined);
    const mounts = execFileSync('docker', ['inspect', '-f', '{{len .Mounts}}', main.container ?? ''], {
      encoding: 'utf8',
    });
    assert.equal(mounts.trim(), '0');
  });
});

/** The processes that receive for this board. */
function listenersOf({ socket }: NoticeBoard) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && commandLineOf(name).includes(socket))
    .flatMap((pid) => readProcess(Number(pid)) ?? []);
}

function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
