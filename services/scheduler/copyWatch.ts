import type { Clock } from '../../shared/clock/clock.ts';
import type { Awaiting } from '../../shared/domain/awaiting.ts';
import type { ClusterState } from '../../shared/domain/clusterState.ts';
import type { Heartbeat } from '../../shared/protocol/node.ts';
import { stopLimitMs } from './policy/awaiting.ts';

export interface CopyWatchOptions {
  clock: Clock;
  state: () => ClusterState;
  /** Called when there are {@link CopyWatch.ended}. */
  onEnded: () => void;
}

/** A copy that a moved unit need not wait for any longer. */
export interface EndedCopy {
  unit: string;
  machine: string;
  reason: string;
}

interface Watched {
  awaiting: Awaiting;
  /** When this leader has seen it first, monotonic ms. */
  since: number;
  limitMs: number | null;
  /** Its machine has said, having its newest assignment, that it has no such unit. */
  whyGone?: string;
}

/**
 * The copies that moved units wait for, as one leader sees them: when their machine says that they are gone, and when
 * they should have been for long. A new leader counts that time anew.
 */
export class CopyWatch {
  readonly #options: CopyWatchOptions;
  readonly #watched = new Map<string, Watched>();

  constructor(options: CopyWatchOptions) {
    this.#options = options;
  }

  /**
   * A heartbeat of a machine that has taken up its newest assignment.
   * @param leaving what it still has of units that it is not assigned; null: it does not know yet; absent: it is of a
   * version that does not say.
   */
  heard(machine: string, leaving: Heartbeat['leaving']): void {
    if (leaving === null || this.#options.state().awaiting.size === 0) return;
    const whyGone = leaving ? 'the machine says that it is gone' : 'the agent there is too old to say when it is gone';
    for (const [unit, watched] of this.#review()) {
      if (watched.awaiting.machine !== machine || leaving?.includes(unit)) continue;
      watched.whyGone = whyGone;
      this.#options.onEnded();
    }
  }

  /** Those that need not be waited for, as of now; to be asked now and then. */
  ended(): EndedCopy[] {
    return [...this.#review()].flatMap(([unit, watched]) => {
      const reason = this.#whyEnded(watched);
      return reason === null ? [] : [{ unit, machine: watched.awaiting.machine, reason }];
    });
  }

  #whyEnded({ whyGone, since, limitMs }: Watched): string | null {
    if (whyGone !== undefined) return whyGone;
    if (limitMs === null || this.#options.clock.monotonicNow() - since < limitMs) return null;
    return `it should have stopped there within ${limitMs / 1_000} s`;
  }

  /** What is watched, as the state has it. */
  #review(): ReadonlyMap<string, Watched> {
    const { clock, state } = this.#options;
    const { awaiting, units } = state();
    for (const unit of this.#watched.keys()) if (!awaiting.has(unit)) this.#watched.delete(unit);
    for (const [name, one] of awaiting.entries()) {
      if (this.#watched.get(name)?.awaiting === one) continue;
      const unit = units.get(name);
      // Nobody waits for it while there is no such unit.
      const limitMs = unit ? stopLimitMs(unit) : null;
      this.#watched.set(name, { awaiting: one, since: clock.monotonicNow(), limitMs });
    }
    return this.#watched;
  }
}
