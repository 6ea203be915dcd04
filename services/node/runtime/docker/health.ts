/** Follows what a container's health check says, also across an engine that goes away and comes back. */
import { type Clock, delay } from '../../../../shared/clock/clock.ts';
import { LinkedController } from '../../../../shared/clock/linkedController.ts';
import type { Health } from '../../../../shared/domain/health.ts';
import { type Engine, isMissing } from './engine.ts';

export interface HealthContext {
  engine: Pick<Engine, 'inspectContainer' | 'healthChanges'>;
  clock: Clock;
  /** Aborts when the runtime is closed. */
  closed: AbortSignal;
}

const retryMs = 1_000;

/** Calls `onChange` with what the check says whenever that changes, until the returned function is called. */
export function watchHealth(
  context: HealthContext,
  container: string,
  known: Health,
  onChange: (health: Health, complaint?: string) => void,
): () => void {
  const over = new LinkedController(context.closed);
  void follow(context, { container, known, signal: over.signal, onChange });
  return () => over.abort();
}

interface Watch {
  container: string;
  known: Health;
  signal: AbortSignal;
  onChange: (health: Health, complaint?: string) => void;
}

/** The engine's events only say when to look: what one says may be past already, and some may have been missed. */
async function follow({ engine, clock }: HealthContext, watch: Watch): Promise<void> {
  const { container, signal } = watch;
  while (!signal.aborted) {
    try {
      const changes = await engine.healthChanges(container, signal);
      await look(engine, watch);
      for await (const _ of changes) await look(engine, watch);
    } catch (error) {
      if (isMissing(error)) return;
    }
    if (!signal.aborted) await delay(clock, retryMs, signal);
  }
}

async function look(engine: HealthContext['engine'], watch: Watch): Promise<void> {
  const state = await engine.inspectContainer(watch.container);
  if (watch.signal.aborted || !state?.running || state.health === undefined || state.health === watch.known) return;
  watch.known = state.health;
  watch.onChange(state.health, state.health === 'unhealthy' ? state.complaint : undefined);
}
