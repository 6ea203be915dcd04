import type { Bus } from '../../shared/bus/bus.ts';
import type { Clock } from '../../shared/clock/clock.ts';
import { decodeJson, encodeJson } from '../../shared/protocol/json.ts';
import type { Heartbeat } from '../../shared/protocol/node.ts';
import { Liveness, type Silence, slownessAllowance } from './policy/liveness.ts';

export interface MachineWatchOptions {
  bus: Bus;
  clock: Clock;
  /** The machines that should be heard of. */
  machines: () => string[];
  timeoutMs: number;
}

const checkMs = 100;
/**
 * So long after an election nobody is judged: a scheduler that was cut off, and has won at the very moment at which that
 * ended, hears everybody by then. From one heartbeat to the next, and a little.
 */
const listenFirstMs = 600;
/**
 * This scheduler hears itself over the bus within this long, or it can hear nobody. Slow links take their time: what
 * comes back late has still overtaken no heartbeat.
 */
const echoTimeoutMs = 1_500;

/**
 * Finds the machines that have been silent for too long. It hears them whoever leads, so that a leader that was just
 * elected knows who is there; it judges them for who leads. A silence counts only when the bus works: before it is
 * believed, a message of this scheduler to itself has to come back, and the machine has still not been heard by then.
 * Otherwise the silence was ours, and everybody gets a fresh full timeout. Where it comes back slowly, the machine's
 * heartbeats may be as slow, though it has not learned yet that they are.
 */
export class MachineWatch {
  readonly #options: MachineWatchOptions;
  readonly #liveness = new Liveness();
  readonly #inbox: string;
  readonly #ends: (() => void)[];
  #onSilence: (() => void) | null = null;
  #judgesFrom = 0;
  #timer: unknown;
  #checkedAt: number;
  /** `tookMs`: null until it is back. */
  #echo: { number: number; sentAt: number; tookMs: number | null } | null = null;
  #echoes = 0;
  #believed = new Set<string>();
  /** What the echo allows that those are believed for, ms. */
  #echoAllowsMs = 0;

  constructor(options: MachineWatchOptions) {
    const { bus, clock } = options;
    this.#options = options;
    this.#checkedAt = clock.monotonicNow();
    this.#inbox = bus.createInbox();
    const echoes = bus.subscribe(this.#inbox, ({ data }) => this.#heardEcho(decodeJson(data)));
    const off = bus.onConnectionChange(() => this.pardon());
    this.#ends = [() => echoes.unsubscribe(), off, () => clock.clearTimeout(this.#timer)];
    this.#timer = clock.setTimeout(() => this.#check(), checkMs);
  }

  /** A heartbeat, or something else that begins a fresh full timeout. */
  heard(machine: string, heartbeat?: Heartbeat): void {
    this.#liveness.heard(machine, this.#options.clock.monotonicNow(), heartbeat);
    this.#believed.delete(machine);
  }

  /** An agent that has not joined yet. */
  heardStarting(machine: string): void {
    this.#liveness.heardStarting(machine, this.#options.clock.monotonicNow());
    this.#believed.delete(machine);
  }

  forget(machine: string): void {
    this.#liveness.forget(machine);
  }

  /** Until the function that it returns is called: `onSilence` is, again and again while there are {@link silences}. */
  judge(onSilence: () => void): () => void {
    const now = this.#options.clock.monotonicNow();
    this.#onSilence = onSilence;
    this.#judgesFrom = now + listenFirstMs;
    this.#liveness.countStartsAnew(now);
    return () => {
      if (this.#onSilence !== onSilence) return;
      this.#onSilence = null;
      this.#believed.clear();
      this.#echo = null;
    };
  }

  /** The machines that are to be declared lost, as of now. */
  silences(): Silence[] {
    if (this.#believed.size === 0) return [];
    return this.#overdue(this.#echoAllowsMs).filter(({ machine }) => this.#believed.has(machine));
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

  #overdue(leastAllowedMs = 0): Silence[] {
    const { clock, machines, timeoutMs } = this.#options;
    return this.#liveness.overdue(machines(), clock.monotonicNow(), timeoutMs, leastAllowedMs);
  }

  #check(): void {
    const { clock, timeoutMs } = this.#options;
    const now = clock.monotonicNow();
    // A pause of this process (a stopped machine, a swapped-out one) was not the machines' silence.
    if (now - this.#checkedAt > timeoutMs / 2) this.pardon();
    this.#checkedAt = now;
    if (this.#onSilence !== null && now >= this.#judgesFrom) this.#judge(this.#overdue(), now);
    this.#timer = clock.setTimeout(() => this.#check(), checkMs);
  }

  /** What it proves counts at once; what was believed before waits for the next check. */
  #heardEcho(number: number): void {
    if (this.#echo?.number !== number) return;
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
      this.#echoAllowsMs = slownessAllowance(this.#echo.tookMs);
      this.#believed = new Set(this.#overdue(this.#echoAllowsMs).map(({ machine }) => machine));
      this.#sendEcho(now);
      if (this.#believed.size > 0) this.#onSilence?.();
    } else if (now - this.#echo.sentAt >= echoTimeoutMs) {
      this.pardon();
    }
  }

  #sendEcho(now: number): void {
    this.#echo = { number: ++this.#echoes, sentAt: now, tookMs: null };
    this.#options.bus.publish(this.#inbox, encodeJson(this.#echo.number));
  }
}
