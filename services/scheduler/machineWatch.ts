import type { Bus } from '../../shared/bus/bus.ts';
import type { Clock } from '../../shared/clock/clock.ts';
import type { Heartbeat } from '../../shared/protocol/node.ts';
import { Liveness, type Silence, slownessAllowance } from './policy/liveness.ts';

export interface MachineWatchOptions {
  bus: Bus;
  clock: Clock;
  /** The machines that should be heard of. */
  machines: () => string[];
  timeoutMs: number;
  /** Called again and again while there are {@link MachineWatch.silences}. */
  onSilence: () => void;
}

const checkMs = 100;
/**
 * This scheduler hears itself over the bus within this long, or it can hear nobody. Slow links take their time: what
 * comes back late has still overtaken no heartbeat.
 */
const echoTimeoutMs = 1_500;

/**
 * Finds the machines that have been silent for too long. A silence counts only when the bus works: before it is
 * believed, a message of this scheduler to itself has to come back, and the machine has still not been heard by then.
 * Otherwise the silence was ours, and everybody gets a fresh full timeout. Where it comes back slowly, the machine's
 * heartbeats may be as slow, though it has not learned yet that they are.
 */
export class MachineWatch {
  readonly #options: MachineWatchOptions;
  readonly #liveness = new Liveness();
  readonly #inbox: string;
  readonly #ends: (() => void)[];
  #timer: unknown;
  #checkedAt: number;
  /** `tookMs`: null until it is back. */
  #echo: { sentAt: number; tookMs: number | null } | null = null;
  #believed = new Set<string>();

  constructor(options: MachineWatchOptions) {
    const { bus, clock } = options;
    this.#options = options;
    this.#checkedAt = clock.monotonicNow();
    this.#inbox = bus.createInbox();
    const echoes = bus.subscribe(this.#inbox, () => this.#heardEcho());
    const off = bus.onConnectionChange(() => this.pardon());
    this.#ends = [() => echoes.unsubscribe(), off, () => clock.clearTimeout(this.#timer)];
    this.#timer = clock.setTimeout(() => this.#check(), checkMs);
  }

  /** A heartbeat, or something else that begins a fresh full timeout. */
  heard(machine: string, heartbeat?: Heartbeat): void {
    this.#liveness.heard(machine, this.#options.clock.monotonicNow(), heartbeat);
  }

  /** An agent that has not joined yet. */
  heardStarting(machine: string): void {
    this.#liveness.heardStarting(machine, this.#options.clock.monotonicNow());
  }

  forget(machine: string): void {
    this.#liveness.forget(machine);
  }

  /** The machines that are to be declared lost, as of now. */
  silences(): Silence[] {
    return this.#overdue().filter(({ machine }) => this.#believed.has(machine));
  }

  /** Everybody gets a fresh full timeout: what was not heard was not the machines' silence. */
  pardon(): void {
    this.#echo = null;
    this.#believed.clear();
    this.#liveness.pardonAll(this.#options.clock.monotonicNow());
  }

  end(): void {
    for (const end of this.#ends) end();
  }

  #overdue(): Silence[] {
    const { clock, machines, timeoutMs } = this.#options;
    return this.#liveness.overdue(machines(), clock.monotonicNow(), timeoutMs);
  }

  #check(): void {
    const { clock, timeoutMs } = this.#options;
    const now = clock.monotonicNow();
    // A pause of this process (a stopped machine, a swapped-out one) was not the machines' silence.
    if (now - this.#checkedAt > timeoutMs / 2) this.pardon();
    this.#checkedAt = now;
    this.#judge(this.#overdue(), now);
    this.#timer = clock.setTimeout(() => this.#check(), checkMs);
  }

  /** What it proves counts at once; what was believed before waits for the next check. */
  #heardEcho(): void {
    if (this.#echo === null) return;
    const now = this.#options.clock.monotonicNow();
    this.#echo.tookMs = now - this.#echo.sentAt;
    const silent = this.#overdue();
    if (silent.some(({ machine }) => !this.#believed.has(machine))) this.#judge(silent, now);
  }

  #judge(silent: Silence[], now: number): void {
    if (silent.length === 0) {
      this.#echo = null;
      this.#believed = new Set();
    } else if (this.#echo === null) {
      this.#sendEcho(now);
    } else if (this.#echo.tookMs !== null) {
      const longestMs = this.#options.timeoutMs + slownessAllowance(this.#echo.tookMs);
      const believed = silent.filter(({ silentMs }) => silentMs > longestMs);
      this.#believed = new Set(believed.map(({ machine }) => machine));
      this.#sendEcho(now);
      if (believed.length > 0) this.#options.onSilence();
    } else if (now - this.#echo.sentAt >= echoTimeoutMs) {
      this.pardon();
    }
  }

  #sendEcho(now: number): void {
    this.#echo = { sentAt: now, tookMs: null };
    this.#options.bus.publish(this.#inbox, new Uint8Array());
  }
}
