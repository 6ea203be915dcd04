import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { interpretUnit } from './interpretUnit.ts';
import { parseUnitFile } from './unitFile.ts';
import { parseUnitName } from './unitName.ts';

function read(...lines: string[]) {
  const name = parseUnitName('a.service').value ?? assert.fail();
  const { spec, problems } = interpretUnit(name, parseUnitFile(`[Service]\n${lines.join('\n')}\n`).file);
  return { service: spec?.service, problems: problems.map(({ message }) => message) };
}
const main = 'ExecStart=/bin/a';

describe('what a service says of itself', () => {
  for (const [lines, access] of [
    [[main], 'none'],
    [[main, 'Type=notify'], 'main'],
    [[main, 'Type=notify', 'NotifyAccess=none'], 'main'],
    [[main, 'Type=notify', 'NotifyAccess=all'], 'all'],
    [[main, 'WatchdogSec=1'], 'main'],
    [[main, 'WatchdogSec=0'], 'none'],
    [[main, 'NotifyAccess=exec'], 'exec'],
  ] as const) {
    it(`is listened to (${access}) with ${lines.slice(1).join(' and ') || 'nothing else'}`, () => {
      assert.equal(read(...lines).service?.notifyAccess, access);
    });
  }

  it('has times and signals, and defaults for them', () => {
    const { watchdogMs, watchdogSignal, timeoutAbortMs } = read(main, 'WatchdogSec=2min').service ?? assert.fail();
    assert.deepEqual(
      { watchdogMs, watchdogSignal, timeoutAbortMs },
      {
        watchdogMs: 120_000,
        watchdogSignal: 'SIGABRT',
        timeoutAbortMs: undefined,
      },
    );
    const other = read(main, 'WatchdogSec=2', 'WatchdogSignal=KILL', 'TimeoutAbortSec=infinity').service;
    assert.deepEqual([other?.watchdogSignal, other?.timeoutAbortMs], ['SIGKILL', null]);
  });

  it('has a pid file below /run, unless it says where', () => {
    assert.equal(read(main, 'Type=forking', 'PIDFile=a/%p.pid').service?.pidFile, '/run/a/a.pid');
    assert.equal(read(main, 'Type=forking', 'PIDFile=/var/a.pid').service?.pidFile, '/var/a.pid');
    assert.match(read(main, 'Type=forking', 'PIDFile=../a').problems.join(), /must not have \.\./);
  });

  const docker = 'ExecStart=docker run busybox';
  const image = `${main}\n[X-Flotilla]\nImage=busybox`;
  it('is heard from containers, too', () => {
    for (const what of [docker, image]) {
      const { service, problems } = read('Type=notify', 'WatchdogSec=5', 'NotifyAccess=all', what);
      assert.deepEqual([service?.type, service?.notifyAccess, problems], ['notify', 'all', []]);
    }
  });

  it('is refused where it cannot be had', () => {
    assert.match(
      read('NotifyAccess=exec', docker).problems.join(),
      /NotifyAccess=exec is not possible for a container/,
    );
    assert.match(
      read('Type=notify', 'ExecStart=docker start -a x').problems.join(),
      /docker start gives them no socket/,
    );
    assert.match(read('Type=forking', 'ExecStart=docker run busybox').problems.join(), /not possible in a container/);
    assert.match(read(main, 'WatchdogSec=x').problems.join(), /WatchdogSec=x/);
    assert.match(read(main, 'NotifyAccess=some').problems.join(), /none, main, exec, all/);
  });
});

function container(notify: string | null, ...lines: string[]) {
  return read(...lines, '[Container]', 'Image=redis:7', ...(notify === null ? [] : [`Notify=${notify}`]));
}

// podman's own generator (quadlet) gives such units Type=notify and NotifyAccess=all.
describe('[Container] Notify=', () => {
  for (const [notify, lines, meaning] of [
    [null, [], ['simple', 'none', undefined]],
    [null, ['Type=notify', 'NotifyAccess=all'], ['exec', 'none', undefined]],
    ['no', ['Type=notify'], ['exec', 'none', undefined]],
    ['true', [], ['notify', 'all', undefined]],
    ['yes', ['Type=notify', 'NotifyAccess=main', 'WatchdogSec=5'], ['notify', 'main', undefined]],
    ['healthy', [], ['notify', 'none', true]],
  ] as const) {
    it(`says how it is known that it is ready: ${notify ?? 'nothing'} with ${lines.join(', ') || 'nothing else'}`, () => {
      const { service, problems } = container(notify, ...lines);
      assert.deepEqual(problems, []);
      assert.deepEqual([service?.type, service?.notifyAccess, service?.readyWhenHealthy], meaning);
    });
  }

  it('is refused where it would wait for ever, or not at all', () => {
    const refused = (...args: Parameters<typeof container>) => container(...args).problems.join();
    assert.match(refused('yes', 'Type=exec'), /Notify=yes stands beside Type=exec/);
    assert.match(refused('healthy', 'WatchdogSec=5'), /WatchdogSec=5 needs Notify=yes/);
    assert.match(refused(null, 'WatchdogSec=5'), /WatchdogSec=5 needs Notify=yes/);
    assert.match(refused('sometimes'), /Notify=sometimes is none of yes, no, healthy/);
  });
});
