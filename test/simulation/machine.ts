/** A machine: its two runtimes' hosts and its disk, which outlive the agents on it. */

import { createFakeHost, type FakeHost, type FakeHostWatch } from '../../services/node/runtime/fake.ts';
import type { FakeProcess } from '../../services/node/runtime/fakeProcess.ts';
import type { Exit } from '../../services/node/runtime/runtime.ts';
import type { Clock } from '../../shared/clock/clock.ts';
import { leaseDeadlines } from '../../shared/domain/lease.ts';
import type { NodeDirectory } from './memoryNodeDisk.ts';
import { behaviourOf, isMainCommand, type Pace } from './units.ts';

export interface RunningMain {
  machine: string;
  unit: string;
  process: FakeProcess;
  inEngine: boolean;
  /** On the true clock, ms. */
  startedAt: number;
}

export interface MachineWatch {
  started(main: RunningMain): void;
  ended(main: RunningMain, exit: Exit): void;
}

const normal: Pace = { startMs: 0, stopMs: 0, stubborn: false };

export class Machine {
  readonly id: string;
  readonly processes: FakeHost;
  readonly engine: FakeHost;
  readonly directory: NodeDirectory = { memory: null, leases: null, leaseRoom: 0, isFull: false };
  /** Main processes that run. */
  readonly mains = new Map<FakeProcess, RunningMain>();
  readonly paces: Pace[] = [];
  readonly #clock: Clock;
  #boots = 1;
  #fills = 0;
  #enginesAway = 0;
  #hangs = 0;
  #lastHungAt = Number.NEGATIVE_INFINITY;

  constructor(id: string, clock: Clock, watch: MachineWatch) {
    this.id = id;
    this.#clock = clock;
    const hostWatch = (inEngine: boolean): FakeHostWatch => ({
      started: (process, { unit, isMain }) => {
        if (!isMain) return;
        const main = { machine: id, unit, process, inEngine, startedAt: clock.monotonicNow() };
        this.mains.set(process, main);
        watch.started(main);
      },
      ended: (process, exit) => {
        const main = this.mains.get(process);
        this.mains.delete(process);
        if (main) watch.ended(main, exit);
      },
    });
    const script: NonNullable<Parameters<typeof createFakeHost>[0]['script']> = (request) =>
      behaviourOf(request, isMainCommand(request), this.paces.at(-1) ?? normal);
    this.processes = createFakeHost({ clock, script, watch: hostWatch(false) });
    this.engine = createFakeHost({ clock, script, watch: hostWatch(true) });
  }

  /** Units whose leases have run out, and when that was last seen, monotonic ms of the machine. */
  readonly lapses = new Map<string, number>();

  /** To be called before leases are renewed, too: what began to stop then goes on stopping. */
  noteLapses(now: number): void {
    const { leases } = this.directory;
    for (const { unit, ...terms } of leases?.units ?? [])
      if (now >= leaseDeadlines(leases?.renewedAt ?? 0, terms).stopAt) this.lapses.set(unit, now);
  }

  get bootId(): string {
    return `${this.id}-boot-${this.#boots}`;
  }

  /** Everything on it ends; what its disk has stays. */
  losePower(): void {
    this.#boots++;
    this.processes.reboot();
    this.engine.reboot();
  }

  diskFills(): void {
    this.#fills++;
    this.directory.isFull = true;
  }

  diskHasRoom(): void {
    this.#fills--;
    this.directory.isFull = this.#fills > 0;
  }

  engineDies(): void {
    this.engineLeaves();
    for (const unit of this.engine.units.keys()) this.engine.kill(unit, { kind: 'lost', reason: 'the engine died' });
  }

  engineLeaves(): void {
    this.#enginesAway++;
    this.engine.setUnavailable('the engine does not answer');
  }

  engineReturns(): void {
    this.#enginesAway--;
    if (this.#enginesAway === 0) this.engine.setUnavailable(null);
  }

  engineHangs(): void {
    this.#hangs++;
    this.engine.setHanging(true);
  }

  engineAnswers(): void {
    this.#hangs--;
    this.#lastHungAt = this.#clock.monotonicNow();
    if (this.#hangs === 0) this.engine.setHanging(false);
  }

  /** Its engine hung since that was started, or when: so nobody could stop it in time. */
  wasOutOfReach({ inEngine, startedAt }: RunningMain): boolean {
    return inEngine && (this.#hangs > 0 || this.#lastHungAt >= startedAt);
  }
}
