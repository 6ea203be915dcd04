import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ends, exited, killed, simulate, simulateUnit } from './testing/unitSimulation.ts';

const simple = '[Service]\nExecStart=/main\n';
const aBitMs = 1;
const longMs = 3_600_000;

describe('a service', { timeout: 20_000 }, () => {
  it('goes through every directive in the order of systemd.service(5), and back', async () => {
    const all = simulateUnit(`${simple}
      ExecCondition=/condition
      ExecStartPre=/pre 1
      ExecStartPre=/pre 2
      ExecStartPost=/post
      ExecStop=/stop
      ExecStopPost=/stop-post`);
    await all.clock.advance(0);
    all.wish('loaded');
    await all.clock.advance(0);
    assert.deepEqual(all.ran, ['/condition', '/pre 1', '/pre 2', '/main', '/post', '/stop', '/stop-post']);
    assert.deepEqual(all.told(), [
      'activating condition success 1',
      'activating start-pre success 1',
      'activating start success 1',
      'activating start-post success 1',
      'active running success 1',
      'deactivating stop success 2',
      'deactivating stop-sigterm success 2',
      'deactivating stop-sigterm success 2',
      'deactivating stop-post success 2',
      'inactive dead success 2',
    ]);
    assert.deepEqual(all.host.running(), []);
  });

  it('that is stopped to be started again gets RestartKillSignal=, and KillSignal= when it is merely stopped', async () => {
    const unit = simulateUnit(`${simple}RestartKillSignal=SIGUSR1\nKillSignal=SIGINT\n`);
    await unit.clock.advance(0);
    unit.restart();
    await unit.clock.advance(aBitMs);
    unit.wish('loaded');
    await unit.clock.advance(aBitMs);
    const ends = unit.unit.ended().map(({ exit }) => exit);
    assert.deepEqual([unit.ran, ends], [['/main', '/main'], [{ signal: 'SIGINT' }]]);
    assert.ok(unit.reports.some(({ exit }) => exit !== undefined && 'signal' in exit && exit.signal === 'SIGUSR1'));
  });

  it('that is merely loaded does not start', async () => {
    const { clock, ran, told } = simulateUnit(simple, { assigned: { desired: 'loaded' } });
    await clock.advance(longMs);
    assert.deepEqual([ran, told()], [[], ['inactive dead success 1']]);
  });

  it('tells its main process while it runs, and how that ended', async () => {
    const unit = simulateUnit(simple);
    await unit.clock.advance(0);
    const [running] = unit.host.running();
    assert.equal(unit.last()?.pid, running?.pid);
    unit.host.end('a.service', exited(3));
    await unit.clock.advance(aBitMs);
    assert.deepEqual([unit.last()?.pid, unit.last()?.exit], [undefined, { code: 3 }]);
    assert.match(unit.last()?.reason ?? '', /exited with status 3/);
  });

  it('keeps how its commands have ended since it was last started', async () => {
    const unit = simulateUnit(`${simple}ExecStartPre=-/pre\nExecStop=/stop\nTimeoutStopSec=10\n`, {
      commands: { '/pre': ends(exited(5)), '/stop': {} },
    });
    const told = () =>
      unit.unit.ended().map(({ directive, pid, exit }) => ({ directive, isProcess: pid !== undefined, exit }));
    await unit.clock.advance(0);
    const prepared = { directive: 'ExecStartPre', isProcess: true, exit: { code: 5 } };
    assert.deepEqual(told(), [prepared]);
    unit.wish('loaded');
    await unit.clock.advance(longMs);
    assert.deepEqual(told(), [
      prepared,
      { directive: 'ExecStop', isProcess: true, exit: { signal: 'SIGKILL' } },
      { directive: 'ExecStart', isProcess: true, exit: { signal: 'SIGTERM' } },
    ]);
    unit.wish('launched');
    await unit.clock.advance(0);
    assert.deepEqual(told(), [prepared]);
  });

  it('that ends by itself is stopped like one that is asked to, unless it failed: then ExecStop= is not run', async () => {
    for (const [code, ran, end] of [
      [0, ['/main', '/stop', '/stop-post'], 'inactive dead success 1'],
      [1, ['/main', '/stop-post'], 'failed failed exit-code 1'],
    ] as const) {
      const unit = simulateUnit(`${simple}ExecStop=/stop\nExecStopPost=/stop-post\n`);
      await unit.clock.advance(0);
      unit.host.end('a.service', exited(code));
      await unit.clock.advance(longMs);
      assert.deepEqual([unit.ran, unit.told().at(-1)], [ran, end]);
    }
  });

  it('with RemainAfterExit= is active when its process is not, until it is stopped', async () => {
    const unit = simulateUnit(`${simple}RemainAfterExit=yes\nExecStop=/stop\n`);
    await unit.clock.advance(0);
    unit.host.end('a.service', exited(0));
    await unit.clock.advance(longMs);
    assert.deepEqual(unit.told().slice(-2), ['active running success 1', 'active exited success 1']);
    unit.wish('loaded');
    await unit.clock.advance(0);
    assert.deepEqual([unit.ran, unit.told().at(-1)], [['/main', '/stop'], 'inactive dead success 2']);
  });

  it('that runs longer than RuntimeMaxSec= is stopped and has failed', async () => {
    const unit = simulateUnit(`${simple}RuntimeMaxSec=60\nExecStop=/stop\n`);
    await unit.clock.advance(59_999);
    assert.equal(unit.told().at(-1), 'active running success 1');
    await unit.clock.advance(aBitMs);
    assert.deepEqual([unit.ran, unit.told().at(-1)], [['/main', '/stop'], 'failed failed timeout 1']);
  });
});

describe('a service that does not come up', { timeout: 20_000 }, () => {
  const withPost = (lines: string) => `${simple}${lines}\nExecStop=/stop\nExecStopPost=/stop-post\n`;

  it('because its program is not there has failed, and says why', async () => {
    const unit = simulateUnit(simple, { commands: { '/main': { startFailure: 'no such file' } } });
    await unit.clock.advance(0);
    assert.deepEqual(unit.told(), ['activating start success 1', 'failed failed resources 1']);
    assert.equal(unit.last()?.reason, '/main: no such file');
  });

  it('because ExecStartPre= fails never runs its main command, nor ExecStop=, but ExecStopPost=', async () => {
    const unit = simulateUnit(withPost('ExecStartPre=/pre\nExecStartPre=/never'), {
      commands: { '/pre': ends(exited(7)) },
    });
    await unit.clock.advance(0);
    assert.deepEqual(unit.ran, ['/pre', '/stop-post']);
    assert.deepEqual(unit.told().at(-1), 'failed failed exit-code 1');
    assert.match(unit.last()?.reason ?? '', /\/pre: exited with status 7/);
  });

  it('for a command with "-" before it comes up all the same', async () => {
    const unit = simulateUnit(withPost('ExecStartPre=-/pre\nExecStartPre=-/missing\nExecStartPost=-/post'), {
      commands: {
        '/pre': ends(exited(7)),
        '/missing': { startFailure: 'no such file' },
        '/post': ends(killed('SIGSEGV')),
      },
    });
    await unit.clock.advance(0);
    assert.equal(unit.told().at(-1), 'active running success 1');
  });

  it('because ExecStartPost= fails is ended by signal, without ExecStop=', async () => {
    const unit = simulateUnit(withPost('ExecStartPost=/post'), { commands: { '/post': ends(exited(1)) } });
    await unit.clock.advance(0);
    assert.deepEqual([unit.ran, unit.told().at(-1)], [['/main', '/post', '/stop-post'], 'failed failed exit-code 1']);
    assert.deepEqual(unit.host.running(), []);
  });

  for (const [code, end] of [
    [1, 'inactive dead exec-condition 1'],
    [254, 'inactive dead exec-condition 1'],
    [255, 'failed failed exit-code 1'],
  ] as const) {
    it(`because ExecCondition= exits with ${code} is at once ${end.split(' ')[0]}, and not restarted for 1 to 254`, async () => {
      const unit = simulateUnit(`${simple}ExecCondition=/condition\n`, {
        commands: { '/condition': ends(exited(code)) },
      });
      await unit.clock.advance(longMs);
      assert.deepEqual([unit.ran, unit.told().at(-1)], [['/condition'], end]);
    });
  }

  it('is not restarted by Restart=always when its condition does not hold', async () => {
    const unit = simulateUnit(`${simple}ExecCondition=/condition\nRestart=always\n`, {
      commands: { '/condition': ends(exited(1)) },
    });
    await unit.clock.advance(longMs);
    assert.deepEqual(unit.ran, ['/condition']);
  });

  for (const directive of ['ExecCondition', 'ExecStartPre', 'ExecStartPost']) {
    it(`within TimeoutStartSec= because of ${directive}= has failed, and the command is killed`, async () => {
      const unit = simulateUnit(`${simple}${directive}=/quick\n${directive}=-/hangs\nTimeoutStartSec=5\n`, {
        commands: { '/quick': ends(exited(0), 4_000), '/hangs': {} },
      });
      await unit.clock.advance(8_999);
      assert.match(unit.last()?.active ?? '', /activating/);
      await unit.clock.advance(aBitMs);
      assert.equal(unit.told().at(-1), 'failed failed timeout 1');
      assert.equal(unit.host.traces('a.service').controls.size, 0, 'a command still runs');
      assert.deepEqual(unit.host.running(), []);
    });
  }
});

describe('a oneshot', { timeout: 20_000 }, () => {
  const oneshot = '[Service]\nType=oneshot\nExecStart=/one\nExecStart=/two\n';

  it('runs its commands one after the other, and is then up for a moment, or for good', async () => {
    const unit = simulateUnit(oneshot);
    await unit.clock.advance(0);
    assert.deepEqual([unit.ran, unit.told().at(-1)], [['/one', '/two'], 'inactive dead success 1']);
    const staying = simulateUnit(`${oneshot}RemainAfterExit=yes\n`);
    await staying.clock.advance(0);
    assert.deepEqual([staying.ran, staying.told().at(-1)], [['/one', '/two'], 'active exited success 1']);
  });

  it('ends at the first command that fails, unless "-" stands before it', async () => {
    for (const failing of [ends(exited(2)), { startFailure: 'no such file' }]) {
      const strict = simulateUnit(oneshot, { commands: { '/one': failing } });
      await strict.clock.advance(0);
      assert.deepEqual([strict.ran, strict.last()?.active], [['/one'], 'failed']);
      const lenient = simulateUnit(oneshot.replace('/one', '-/one'), { commands: { '/one': failing } });
      await lenient.clock.advance(0);
      assert.deepEqual([lenient.ran, lenient.last()?.active], [['/one', '/two'], 'inactive']);
    }
  });

  it('takes the time it needs, or TimeoutStartSec= for each command', async () => {
    const commands = { '/one': ends(exited(0), 4_000), '/two': {} };
    const patient = simulateUnit(oneshot, { commands });
    await patient.clock.advance(longMs);
    assert.equal(patient.told().at(-1), 'activating start success 1');
    const limited = simulateUnit(`${oneshot}TimeoutStartSec=5\n`, { commands });
    await limited.clock.advance(8_999);
    assert.equal(limited.last()?.active, 'activating');
    await limited.clock.advance(aBitMs);
    assert.equal(limited.told().at(-1), 'failed failed timeout 1');
    assert.deepEqual(limited.host.running(), []);
  });

  it('with nothing but ExecStop= does its work when it is stopped', async () => {
    const unit = simulateUnit('[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStop=/stop\n');
    await unit.clock.advance(0);
    assert.deepEqual([unit.ran, unit.told()], [[], ['active exited success 1']]);
    unit.wish('loaded');
    await unit.clock.advance(0);
    assert.deepEqual([unit.ran, unit.told().at(-1)], [['/stop'], 'inactive dead success 2']);
  });
});

describe('a service that is stopped', { timeout: 20_000 }, () => {
  it('and takes its time ends by its signal', async () => {
    const unit = simulateUnit(`${simple}KillSignal=SIGINT\n`, { commands: { '/main': { stopDelayMs: 30_000 } } });
    await unit.clock.advance(0);
    unit.wish('loaded');
    await unit.clock.advance(29_999);
    assert.equal(unit.told().at(-1), 'deactivating stop-sigterm success 2');
    await unit.clock.advance(aBitMs);
    assert.equal(unit.told().at(-1), 'inactive dead success 2');
    assert.deepEqual(unit.last()?.exit, { signal: 'SIGINT' });
  });

  it('and hangs gets ExecStop=, KillSignal= and SIGKILL, TimeoutStopSec= after one another', async () => {
    const unit = simulateUnit(`${simple}ExecStop=/stop\nTimeoutStopSec=10\n`, {
      commands: { '/main': { ignores: ['SIGTERM'] }, '/stop': {} },
    });
    await unit.clock.advance(0);
    unit.wish('loaded');
    await unit.clock.advance(9_999);
    assert.equal(unit.last()?.sub, 'stop');
    await unit.clock.advance(aBitMs);
    assert.equal(unit.last()?.sub, 'stop-sigterm');
    await unit.clock.advance(9_999);
    assert.equal(unit.host.running().length, 1);
    await unit.clock.advance(aBitMs);
    assert.deepEqual(unit.told().slice(-4), [
      'deactivating stop-sigterm timeout 2',
      'deactivating stop-sigkill timeout 2',
      'deactivating final-sigkill timeout 2',
      'failed failed timeout 2',
    ]);
    assert.deepEqual(unit.host.running(), []);
  });

  it('with TimeoutStopSec=infinity is waited for as long as it takes', async () => {
    const unit = simulateUnit(`${simple}TimeoutStopSec=infinity\n`, {
      commands: { '/main': { stopDelayMs: 24 * longMs } },
    });
    await unit.clock.advance(0);
    unit.wish('loaded');
    await unit.clock.advance(24 * longMs - 1);
    assert.equal(unit.last()?.sub, 'stop-sigterm');
    await unit.clock.advance(aBitMs);
    assert.equal(unit.told().at(-1), 'inactive dead success 2');
  });

  it('with SendSIGKILL=no is left running when it hangs, and has failed', async () => {
    const unit = simulateUnit(`${simple}SendSIGKILL=no\nTimeoutStopSec=10\n`, {
      commands: { '/main': { ignores: ['SIGTERM'] } },
    });
    await unit.clock.advance(0);
    unit.wish('loaded');
    await unit.clock.advance(longMs);
    assert.equal(unit.told().at(-1), 'failed failed timeout 2');
    assert.equal(unit.host.running().length, 1);
    unit.host.end('a.service', exited(1));
    await unit.clock.advance(longMs);
    assert.deepEqual(unit.told(), [], 'nobody looks at it any more');
  });

  it('and what its main process leaves behind gets the signals that the kill mode says', async () => {
    const cases: [lines: string, signals: string[]][] = [
      ['', ['SIGTERM all', 'SIGTERM all', 'SIGKILL all']],
      ['KillMode=mixed\n', ['SIGTERM main', 'SIGKILL all']],
      ['KillMode=process\n', ['SIGTERM main']],
      ['KillMode=none\n', []],
      ['SendSIGKILL=no\n', ['SIGTERM all', 'SIGTERM all']],
      ['KillSignal=SIGINT\nFinalKillSignal=SIGQUIT\n', ['SIGINT all', 'SIGINT all', 'SIGQUIT all']],
    ];
    for (const [lines, signals] of cases) {
      const leaves = { ignores: ['SIGTERM', 'SIGINT'] };
      const unit = simulateUnit(simple + lines, { commands: { '/main': { leaves } } });
      await unit.clock.advance(0);
      const sent: string[] = [];
      const main = unit.host.traces('a.service').main;
      assert.ok(main);
      const deliver = main.signal.bind(main);
      Object.assign(main, {
        signal: (name: string, to: 'main' | 'all') => {
          sent.push(`${name} ${to}`);
          return deliver(name, to);
        },
      });
      unit.wish('loaded');
      await unit.clock.advance(longMs);
      assert.deepEqual(sent, signals, lines);
    }
  });

  it('with KillMode=none is left to its ExecStop= alone, and is over at once', async () => {
    const unit = simulateUnit(`${simple}KillMode=none\nExecStop=/stop\n`);
    await unit.clock.advance(0);
    unit.wish('loaded');
    await unit.clock.advance(0);
    assert.deepEqual([unit.ran, unit.told().at(-1)], [['/main', '/stop'], 'inactive dead success 2']);
    assert.equal(unit.host.running().length, 1);
  });

  it('with KillMode=none waits after ExecStopPost= for its main process, for as long as stopping may take', async () => {
    const stopping = async () => {
      const unit = simulateUnit(`${simple}KillMode=none\nTimeoutStopSec=5\nExecStopPost=/stop-post\n`);
      await unit.clock.advance(0);
      unit.wish('loaded');
      await unit.clock.advance(4_000);
      assert.deepEqual([unit.ran, unit.told().at(-1)], [['/main', '/stop-post'], 'deactivating stop-post success 2']);
      return unit;
    };
    const ends = await stopping();
    ends.host.end('a.service', exited(0));
    await ends.clock.advance(0);
    assert.equal(ends.told().at(-1), 'inactive dead success 2');
    const stays = await stopping();
    await stays.clock.advance(1_000);
    assert.equal(stays.told().at(-1), 'failed failed timeout 2');
    assert.equal(stays.host.running().length, 1);
  });

  it('has the result and the reason of what failed first, whatever fails in its wake', async () => {
    const unit = simulateUnit(`${simple}ExecStopPost=/stop-post\n`, { commands: { '/stop-post': ends(exited(9)) } });
    await unit.clock.advance(0);
    unit.host.end('a.service', killed('SIGSEGV'));
    await unit.clock.advance(0);
    assert.equal(unit.told().at(-1), 'failed failed signal 1');
    assert.equal(unit.last()?.reason, 'main process killed by SIGSEGV');
    const stopped = simulateUnit(`${simple}ExecStopPost=/stop-post\n`, { commands: { '/stop-post': ends(exited(9)) } });
    await stopped.clock.advance(0);
    stopped.wish('loaded');
    await stopped.clock.advance(0);
    assert.equal(stopped.told().at(-1), 'failed failed exit-code 2');
  });

  it('tells ExecStop= and ExecStopPost= what there is to know of it', async () => {
    const unit = simulateUnit(`${simple}ExecStop=/stop\nExecStopPost=/stop-post\nExecStartPre=/pre\n`);
    await unit.clock.advance(0);
    const pid = unit.last()?.pid;
    unit.wish('loaded');
    await unit.clock.advance(0);
    const told = unit.environments.map(({ MAINPID, SERVICE_RESULT, EXIT_CODE, EXIT_STATUS }) =>
      [MAINPID, SERVICE_RESULT, EXIT_CODE, EXIT_STATUS].join(' '),
    );
    assert.deepEqual(told, ['   ', '   ', `${pid} success  `, ' success killed TERM']);
  });

  it('tells all commands of one activation the same id, and those of the next another one', async () => {
    let begun = 0;
    const newInvocation = () => `id-${++begun}`;
    const text = `${simple}ExecStartPre=/pre\nExecStopPost=/stop-post\n`;
    const unit = simulateUnit(text, { input: { newInvocation, given: () => ({ GIVEN: 'yes' }) } });
    await unit.clock.advance(0);
    unit.restart();
    await unit.clock.advance(0);
    const ids = unit.environments.map(({ INVOCATION_ID, GIVEN }) => `${INVOCATION_ID} ${GIVEN}`);
    assert.deepEqual(ids, ['id-1 yes', 'id-1 yes', 'id-1 yes', 'id-2 yes', 'id-2 yes']);
  });
});

describe('Restart=', { timeout: 20_000 }, () => {
  const always = `${simple}Restart=always\nRestartSec=5\n`;

  it('starts a service again after RestartSec=, and counts', async () => {
    const unit = simulateUnit(always);
    await unit.clock.advance(0);
    unit.host.end('a.service', exited(1));
    await unit.clock.advance(4_999);
    assert.equal(unit.told().at(-1), 'activating auto-restart exit-code 1');
    await unit.clock.advance(aBitMs);
    assert.equal(unit.told().at(-1), 'active running success 1');
    assert.deepEqual([unit.ran.length, unit.last()?.restarts, unit.last()?.reason], [2, 1, 'Restart= applies']);
    assert.equal(unit.last()?.exit, undefined);
  });

  it('does not apply to a service that is stopped, and one that waits for its restart is then inactive', async () => {
    const unit = simulateUnit(always);
    await unit.clock.advance(0);
    unit.wish('loaded');
    await unit.clock.advance(longMs);
    unit.wish('launched');
    await unit.clock.advance(0);
    unit.host.end('a.service', exited(1));
    await unit.clock.advance(aBitMs);
    unit.wish('loaded');
    await unit.clock.advance(longMs);
    assert.equal(unit.told().at(-1), 'inactive dead exit-code 4');
    assert.equal(unit.ran.length, 2);
  });

  it('is not waited for when somebody starts it', async () => {
    const unit = simulateUnit(always);
    await unit.clock.advance(0);
    unit.host.end('a.service', exited(1));
    await unit.clock.advance(aBitMs);
    unit.restart();
    await unit.clock.advance(0);
    assert.equal(unit.told().at(-1), 'active running success 2');
    assert.equal(unit.last()?.restarts, undefined, 'the count begins anew');
  });

  it('gives up at the start limit, until somebody starts the unit', async () => {
    const unit = simulateUnit('[Unit]\nStartLimitBurst=3\n[Service]\nExecStart=/main\nRestart=always\n', {
      commands: { '/main': ends(exited(1)) },
    });
    await unit.clock.advance(1_000);
    assert.deepEqual([unit.ran.length, unit.told().at(-1)], [3, 'failed failed start-limit-hit 1']);
    unit.behave({});
    unit.wish('launched');
    await unit.clock.advance(0);
    assert.equal(unit.told().at(-1), 'active running success 2');
  });

  it('starts a service again that could not be started', async () => {
    const unit = simulateUnit(always, { commands: { '/main': { startFailure: 'no such image' } } });
    await unit.clock.advance(0);
    assert.equal(unit.told().at(-1), 'activating auto-restart resources 1');
    unit.behave({});
    await unit.clock.advance(5_000);
    assert.equal(unit.told().at(-1), 'active running success 1');
  });
});

describe('docker.service as a requirement', { timeout: 20_000 }, () => {
  const needing = '[Unit]\nRequires=docker.service\n[Service]\nExecStart=/main\n';

  it('is waited for', async () => {
    const simulation = simulate();
    simulation.host.setUnavailable('the engine does not answer');
    const unit = simulateUnit(needing, { earlier: simulation });
    await unit.clock.advance(60_000);
    assert.deepEqual(unit.told(), ['activating condition success 1']);
    unit.host.setUnavailable(null);
    await unit.clock.advance(1_000);
    assert.equal(unit.told().at(-1), 'active running success 1');
  });

  it('is not waited for longer than for a start, or than the unit is wished', async () => {
    const simulation = simulate();
    simulation.host.setUnavailable('the engine does not answer');
    const patient = simulateUnit(needing, { earlier: simulation });
    await patient.clock.advance(90_000);
    assert.equal(patient.told().at(-1), 'failed failed timeout 1');
    patient.wish('launched');
    await patient.clock.advance(1_000);
    patient.wish('loaded');
    assert.equal(patient.told().at(-1), 'inactive dead success 3');
  });

  it('may be away while a unit stops: it is killed as soon as it is back', async () => {
    const unit = simulateUnit(`${needing}TimeoutStopSec=10\n`);
    await unit.clock.advance(0);
    const main = unit.host.traces('a.service').main;
    assert.ok(main);
    const deliver = main.signal.bind(main);
    let isAway = true;
    main.signal = async (name) => {
      if (isAway) throw new Error('the engine does not answer');
      return deliver(name);
    };
    unit.wish('loaded');
    await unit.clock.advance(longMs);
    assert.equal(unit.told().at(-1), 'deactivating stop-sigkill timeout 2');
    isAway = false;
    await unit.clock.advance(1_000);
    assert.equal(unit.told().at(-1), 'failed failed timeout 2');
    assert.deepEqual(unit.host.running(), []);
  });
});
