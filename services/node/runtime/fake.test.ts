import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSimulatedClock } from '../../../shared/clock/simulatedClock.ts';
import { systemClock } from '../../../shared/clock/systemClock.ts';
import { createFakeHost, createFakeRuntime, type FakeScript } from './fake.ts';
import type { FakeBehaviour } from './fakeProcess.ts';
import { commandOf, describeRuntimeContract, serviceOf } from './runtime.contract.ts';
import { type Exit, StartError, type StartRequest } from './runtime.ts';

const exited = (code: number): Exit => ({ kind: 'exited', code });
const killed = (signal: string): Exit => ({ kind: 'killed', signal });

/** The commands of the contract, as a script understands them. */
const contractScript: FakeScript = ({ command: { path, argv }, environment }): FakeBehaviour => {
  const atOnce = { ends: { afterMs: 0, exit: exited(0) } };
  switch (path) {
    case 'exit':
      return { ends: { afterMs: 1, exit: exited(Number(argv[1])) } };
    case 'print':
      return { ...atOnce, prints: argv.slice(1) };
    case 'printenv':
      return { ...atOnce, prints: [environment[argv[1] ?? ''] ?? ''] };
    case 'stubborn':
      return { prints: ['ready'], ignores: ['SIGTERM'] };
    case 'missing':
      return { startFailure: 'no such program' };
    default:
      return {};
  }
};

describeRuntimeContract('a fake', async () => {
  const host = createFakeHost({ clock: systemClock, script: contractScript });
  return {
    makeRuntime: async () => createFakeRuntime(host),
    drop: async () => {},
    cleanUp: async () => assert.deepEqual(host.running(), []),
    commandThat: {
      runsForever: () => commandOf('forever'),
      exitsWith: (code) => commandOf('exit', String(code)),
      prints: (...lines) => commandOf('print', ...lines),
      ignoresTerm: () => commandOf('stubborn'),
      printsVariable: (name) => commandOf('printenv', name),
      cannotStart: () => commandOf('missing'),
    },
  };
});

describe('a fake in simulated time', { timeout: 10_000 }, () => {
  it('starts, and ends by itself, at the times that its script says', async () => {
    const { clock, runtime, ends } = simulate({ startDelayMs: 50, ends: { afterMs: 1000, exit: exited(4) } });
    const starting = runtime.start(request);
    await clock.advance(50);
    ends(await starting);
    await clock.advance(999);
    assert.deepEqual(ends.seen, []);
    await clock.advance(1);
    assert.deepEqual(ends.seen, [exited(4)]);
  });

  it('takes its time to stop, unless it is killed', async () => {
    const { clock, runtime, ends } = simulate({ stopDelayMs: 500 });
    const slow = await runtime.start(request);
    ends(slow);
    await slow.signal('SIGTERM', 'all');
    await clock.advance(499);
    assert.deepEqual(ends.seen, []);
    await clock.advance(1);
    assert.deepEqual(ends.seen, [killed('SIGTERM')]);
    const hurried = await runtime.start(request);
    ends(hurried);
    await hurried.signal('SIGTERM', 'main');
    await hurried.signal('SIGKILL', 'main');
    await clock.advance(1);
    assert.deepEqual(ends.seen, [killed('SIGTERM'), killed('SIGKILL')]);
  });

  it('ignores what a process ignores by default, and refuses what is no signal', async () => {
    const { clock, host, runtime } = simulate({});
    const main = await runtime.start(request);
    await main.signal('SIGCONT', 'all');
    await clock.advance(10);
    assert.equal(host.running().length, 1);
    await assert.rejects(main.signal('TERM', 'all'), RangeError);
  });

  it('asks the script at each start, counting', async () => {
    const clock = createSimulatedClock(0);
    const script: FakeScript = (_, start) => (start < 3 ? { startFailure: `attempt ${start}` } : {});
    const runtime = createFakeRuntime(createFakeHost({ clock, script }));
    await assert.rejects(runtime.start(request), new StartError('forever: attempt 1'));
    await assert.rejects(runtime.start(request), new StartError('forever: attempt 2'));
    await runtime.start(request);
  });

  it('loses what ran when the machine restarts, and keeps the trace of it', async () => {
    const { host, runtime } = simulate({});
    await runtime.start(request);
    host.reboot();
    assert.deepEqual(host.running(), []);
    const main = await createFakeRuntime(host).adopt(request);
    assert.deepEqual(await main?.exited, { kind: 'lost', reason: 'the machine was restarted' });
  });

  it('starts nothing and tells no end while the engine is out of reach', async () => {
    const { clock, host, runtime, ends } = simulate({});
    ends(await runtime.start(request));
    host.setUnavailable('the engine does not answer');
    host.end(request.unit, exited(1));
    await clock.advance(60_000);
    assert.deepEqual(ends.seen, []);
    assert.equal(await runtime.unavailable(), 'the engine does not answer');
    await assert.rejects(runtime.start(request), StartError);
    host.setUnavailable(null);
    await clock.advance(1);
    assert.deepEqual(ends.seen, [exited(1)]);
  });
});

const command = commandOf('forever');
const request: StartRequest = {
  unit: 'a.service',
  hash: 'h',
  token: 1,
  command,
  service: serviceOf(command),
  environment: {},
};

/** A host on which every command behaves so, and what is heard of the ends of those that `ends` was called with. */
function simulate(behaviour: FakeBehaviour) {
  const clock = createSimulatedClock(0);
  const host = createFakeHost({ clock, script: () => behaviour });
  const seen: Exit[] = [];
  const listen = (main: { exited: Promise<Exit> }) => void main.exited.then((exit) => seen.push(exit));
  return { clock, host, runtime: createFakeRuntime(host), ends: Object.assign(listen, { seen }) };
}
