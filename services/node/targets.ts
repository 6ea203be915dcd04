import type { Clock } from '../../shared/clock/clock.ts';
import type { ActiveState, UnitReport } from '../../shared/domain/events.ts';

/** How a unit is that others start; times are of the monotonic clock, ms. */
export interface TargetState {
  active: ActiveState;
  /** In systemd's words. */
  sub: string;
  result: string;
  startedAt: number | null;
  endedAt: number | null;
}

const unseen: TargetState = { active: 'inactive', sub: 'dead', result: 'success', startedAt: null, endedAt: null };

/** How the units of this machine are, and when they last started and ended, as far as this agent has seen it. */
export class Targets {
  readonly #states = new Map<string, TargetState>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(unit: string): TargetState {
    return this.#states.get(unit) ?? unseen;
  }

  note({ unit, active, sub, result }: UnitReport): void {
    const before = this.get(unit);
    const now = this.#clock.monotonicNow();
    const [was, is] = [isUp(before.active), isUp(active)];
    this.#states.set(unit, {
      active,
      sub,
      result,
      startedAt: is && !was ? now : before.startedAt,
      endedAt: was && !is ? now : before.endedAt,
    });
  }

  forget(unit: string): void {
    this.#states.delete(unit);
  }
}

function isUp(active: ActiveState): boolean {
  return active !== 'inactive' && active !== 'failed';
}
