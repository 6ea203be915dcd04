/** Follows a container to its end, also across an engine that goes away and comes back. */
import { constants } from 'node:os';
import { type Clock, delay } from '../../../../shared/clock/clock.ts';
import type { Exit } from '../runtime.ts';
import { type ContainerState, type Engine, EngineUnreachableError, isConflict, isMissing } from './engine.ts';

export interface FollowContext {
  engine: Pick<Engine, 'waitContainer' | 'inspectContainer' | 'killContainer'>;
  clock: Clock;
  /** Aborts when the runtime is closed: then nothing is followed any more, and nothing ends. */
  closed: AbortSignal;
  signals: SentSignals;
}

const firstRetryMs = 100;
const lastRetryMs = 5_000;

/**
 * Resolves when the container has ended. While the engine is out of reach it waits; what then turns out to have ended
 * meanwhile counts as lost, because an engine that starts again has killed what its predecessor ran.
 */
export async function followToEnd(context: FollowContext, container: string): Promise<Exit> {
  const { engine, clock, closed } = context;
  let away = false;
  for (let retryMs = firstRetryMs; !closed.aborted; ) {
    try {
      const exit = await observe(context, container, away);
      if (exit) return exit;
      away = false;
      retryMs = firstRetryMs;
    } catch (error) {
      if (isMissing(error)) return removed(context, container);
      away ||= error instanceof EngineUnreachableError;
      await delay(clock, retryMs, closed);
      retryMs = Math.min(retryMs * 2, lastRetryMs);
    }
  }
  return new Promise(() => undefined);

  /** One look: how it ended, or null when it runs (then, unless the engine had been away, only after a wait). */
  async function observe({ signals }: FollowContext, id: string, wasAway: boolean): Promise<Exit | null> {
    const code = wasAway ? null : await engine.waitContainer(id, closed);
    const state = await engine.inspectContainer(id);
    if (state?.running) return null;
    if (wasAway) return { kind: 'lost', reason: 'it ended while the Docker engine was away' };
    return exitOf({ outOfMemory: false, ...state, exitCode: code ?? 0 }, signals.of(id));
  }
}

/** Whoever removes a running container kills it. */
function removed({ signals }: FollowContext, container: string): Exit {
  if (signals.of(container).has('SIGKILL')) return { kind: 'killed', signal: 'SIGKILL' };
  return { kind: 'lost', reason: 'its container was removed' };
}

/**
 * An engine reports death by signal n as exit code 128 + n, like a shell. The code stays a code, as it is for systemd
 * above the docker command, unless it is known to be a death: by a signal that was sent from here, or for memory.
 */
export function exitOf(state: Pick<ContainerState, 'exitCode' | 'outOfMemory'>, sent: ReadonlySet<string>): Exit {
  const signal = signalName(state.exitCode - 128);
  if (signal === 'SIGKILL' && state.outOfMemory) return { kind: 'killed', signal, outOfMemory: true };
  if (signal !== undefined && sent.has(signal)) return { kind: 'killed', signal };
  return { kind: 'exited', code: state.exitCode };
}

function signalName(number: number): string | undefined {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
}

/** `9`, `KILL` and `SIGKILL` are one signal. */
export function canonicalSignal(text: string): string {
  if (/^\d+$/.test(text)) return signalName(Number(text)) ?? text;
  const upper = text.toUpperCase();
  return upper.startsWith('SIG') ? upper : `SIG${upper}`;
}

/** Which signals were sent to which container since the runtime started. */
export interface SentSignals {
  note(container: string, ...signals: string[]): void;
  of(container: string): ReadonlySet<string>;
}

/** Of older containers nobody waits for the end any more. */
const rememberedContainers = 1000;

export function createSentSignals(): SentSignals {
  const sent = new Map<string, Set<string>>();
  return {
    note(container, ...signals) {
      const known = sent.get(container) ?? new Set();
      sent.delete(container);
      sent.set(container, known);
      const [oldest] = sent.keys();
      if (sent.size > rememberedContainers && oldest !== undefined) sent.delete(oldest);
      for (const signal of signals) known.add(canonicalSignal(signal));
    },
    of: (container) => sent.get(container) ?? new Set(),
  };
}

/**
 * Sends a signal. One that is sent while the engine is away arrives when it is back, if there is still somebody to get it.
 */
export async function sendSignal(context: FollowContext, container: string, name: string): Promise<void> {
  const { engine, clock, closed, signals } = context;
  signals.note(container, name);
  while (!closed.aborted) {
    try {
      return await engine.killContainer(container, canonicalSignal(name));
    } catch (error) {
      if (isMissing(error) || isConflict(error)) return;
      if (!(error instanceof EngineUnreachableError)) throw error;
      await delay(clock, firstRetryMs * 5, closed);
    }
  }
}
