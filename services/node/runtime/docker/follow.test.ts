import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSimulatedClock } from '../../../../shared/clock/simulatedClock.ts';
import type { Exit } from '../runtime.ts';
import { type ContainerState, EngineError, EngineUnreachableError } from './engine.ts';
import { canonicalSignal, createSentSignals, exitOf, type FollowContext, followToEnd, sendSignal } from './follow.ts';

const away = () => Promise.reject(new EngineUnreachableError('connection refused'));
const gone = () => Promise.reject(new EngineError(404, 'no such container'));

const stateOf = (changes: Partial<ContainerState>): ContainerState => ({
  id: 'c1',
  name: 'web',
  labels: {},
  running: false,
  pid: 0,
  exitCode: 0,
  outOfMemory: false,
  ports: [],
  tty: false,
  ...changes,
});

/** An engine that gives these answers, one after the other, and the last of each for ever. */
function scripted(script: {
  wait?: (() => Promise<number>)[];
  inspect?: (() => Promise<ContainerState | null>)[];
  kill?: (() => Promise<void>)[];
}) {
  const next = <T>(answers: (() => Promise<T>)[] = []) =>
    ((answers.length > 1 ? answers.shift() : answers[0]) ?? gone)();
  const clock = createSimulatedClock(0);
  const closing = new AbortController();
  const killed: string[] = [];
  const context: FollowContext = {
    engine: {
      waitContainer: () => next(script.wait),
      inspectContainer: () => next(script.inspect),
      killContainer: async (_container, signal) => {
        await next(script.kill);
        killed.push(signal);
      },
    },
    clock,
    closed: closing.signal,
    signals: createSentSignals(),
  };
  return { context, clock, closing, killed };
}

describe('following a container', () => {
  const code = (value: number) => () => Promise.resolve(value);
  const state = (changes: Partial<ContainerState>) => () => Promise.resolve(stateOf(changes));

  it('tells its exit code', async () => {
    const { context } = scripted({ wait: [code(3)], inspect: [state({ exitCode: 3 })] });
    assert.deepEqual(await followToEnd(context, 'c1'), { kind: 'exited', code: 3 });
  });

  it('knows the code even when the container is removed at once', async () => {
    const { context } = scripted({ wait: [code(3)], inspect: [() => Promise.resolve(null)] });
    assert.deepEqual(await followToEnd(context, 'c1'), { kind: 'exited', code: 3 });
  });

  it('counts an end while the engine is away as lost', async () => {
    const { context, clock } = scripted({ wait: [away], inspect: [away, away, state({ exitCode: 137 })] });
    const exit = followToEnd(context, 'c1');
    await clock.advance(60_000);
    assert.equal((await exit).kind, 'lost');
  });

  it('counts an end that an engine tells while it goes down as lost', async () => {
    const { context, clock } = scripted({ wait: [code(143)], inspect: [away, state({ exitCode: 143 })] });
    const exit = followToEnd(context, 'c1');
    await clock.advance(60_000);
    assert.equal((await exit).kind, 'lost');
  });

  it('goes on with a container that outlives its engine', async () => {
    const inspect = [state({ running: true }), state({ exitCode: 5 })];
    const { context, clock } = scripted({ wait: [away, code(5)], inspect });
    const exit = followToEnd(context, 'c1');
    await clock.advance(60_000);
    assert.deepEqual(await exit, { kind: 'exited', code: 5 });
  });

  it('counts a container that somebody removed as lost, and one that was removed from here as killed', async () => {
    const { context } = scripted({ wait: [gone] });
    assert.equal((await followToEnd(context, 'c1')).kind, 'lost');
    context.signals.note('c1', 'SIGKILL');
    assert.deepEqual(await followToEnd(context, 'c1'), { kind: 'killed', signal: 'SIGKILL' });
  });

  it('ends nothing when the runtime is closed', async () => {
    const { context, clock, closing } = scripted({ wait: [away], inspect: [away] });
    const exit = followToEnd(context, 'c1');
    closing.abort();
    await clock.advance(60_000);
    assert.equal(await Promise.race([exit, Promise.resolve('still waiting')]), 'still waiting');
  });

  it('delivers a signal that was sent while the engine was away', async () => {
    const { context, clock, killed } = scripted({ kill: [away, away, () => Promise.resolve()] });
    const sent = sendSignal(context, 'c1', 'SIGTERM');
    await clock.advance(60_000);
    await sent;
    assert.deepEqual(killed, ['SIGTERM']);
  });

  it('sends no signal to what has ended', async () => {
    const { context, killed } = scripted({ kill: [() => Promise.reject(new EngineError(409, 'not running'))] });
    await sendSignal(context, 'c1', 'SIGTERM');
    assert.deepEqual(killed, []);
  });
});

describe('the end of a container', () => {
  it('is a death by signal only when that is known', () => {
    const sent = new Set(['SIGTERM']);
    const cases: [number, boolean, Exit][] = [
      [0, false, { kind: 'exited', code: 0 }],
      [143, false, { kind: 'killed', signal: 'SIGTERM' }],
      [137, false, { kind: 'exited', code: 137 }],
      [137, true, { kind: 'killed', signal: 'SIGKILL', outOfMemory: true }],
      [1, true, { kind: 'exited', code: 1 }],
      [255, false, { kind: 'exited', code: 255 }],
    ];
    for (const [exitCode, outOfMemory, exit] of cases) assert.deepEqual(exitOf({ exitCode, outOfMemory }, sent), exit);
  });

  it('knows a signal by name and number', () => {
    assert.deepEqual(['9', 'kill', 'SIGKILL', 'KILL'].map(canonicalSignal), Array(4).fill('SIGKILL'));
  });
});
