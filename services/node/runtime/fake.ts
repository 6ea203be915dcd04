/**
 * A runtime in memory, for tests and simulation: a script says what each command does, and time is the given clock's.
 * What runs is kept by a {@link FakeHost}, which stands for the machine and outlives every agent's runtime on it.
 */
import { type Clock, delay } from '../../../shared/clock/clock.ts';
import { type FakeBehaviour, FakeProcess } from './fakeProcess.ts';
import { assertMayStart, type Exit, type RunRequest, type Runtime, StartError } from './runtime.ts';

/** Asked at each start; `start` counts those of the unit on this host from 1, control commands included. */
export type FakeScript = (request: RunRequest, start: number) => FakeBehaviour;

export interface FakeHostOptions {
  clock: Clock;
  /** Default: every command runs until it is stopped. */
  script?: FakeScript;
  watch?: FakeHostWatch;
}

/** Told of every process of a host at the moment at which it begins and ends, whatever its agent notices. */
export interface FakeHostWatch {
  started(process: FakeProcess, of: { unit: string; isMain: boolean }): void;
  ended(process: FakeProcess, exit: Exit): void;
}

export function createFakeHost(options: FakeHostOptions): FakeHost {
  return new FakeHost(options);
}

/**
 * A runtime as an agent on that host has it.
 * @param agent the clock of an agent that may die: what it was about to start then is not started.
 */
export function createFakeRuntime(host: FakeHost, agent: Clock = host.clock): Runtime {
  return {
    kind: 'fake',
    async unavailable() {
      if (host.hangs) await host.answers();
      return host.unavailable;
    },
    async start(request) {
      if (host.hangs) await host.answers();
      host.assertAvailable();
      host.kill(request.unit);
      const main = await host.launch(request, request, agent, () => assertMayStart(request));
      // Of two starts that were under way at the same time, the later one stays.
      host.traces(request.unit).main?.end({ kind: 'killed', signal: 'SIGKILL' });
      host.traces(request.unit).main = main;
      return main;
    },
    async run(request, abort) {
      const control = await host.launch(request, null, agent);
      request.onProcess?.(control.pid);
      const { controls } = host.traces(request.unit);
      const kill = () => void control.signal('SIGKILL');
      controls.add(control);
      if (abort.aborted) kill();
      abort.addEventListener('abort', kill, { once: true });
      return control.exited.finally(() => {
        controls.delete(control);
        abort.removeEventListener('abort', kill);
      });
    },
    async adopt({ unit, hash }) {
      if (host.hangs) await host.answers();
      const main = host.units.get(unit)?.main;
      return main?.hash === hash ? main : null;
    },
    async list() {
      if (host.hangs) await host.answers();
      return [...host.units.keys()];
    },
    async remove(unit) {
      if (host.hangs) await host.answers();
      host.kill(unit);
      host.units.delete(unit);
      host.changed();
    },
    journal: (unit, options) => host.readJournal(unit, options),
  };
}

/** What a host knows of a unit. */
interface Traces {
  starts: number;
  journal: string[];
  main: FakeProcess | null;
  /** Control commands that run. */
  controls: Set<FakeProcess>;
}

/** A machine; tests use its first eight members, the runtimes on it the others. */
export class FakeHost {
  /** Why nothing can be started; null when it can. */
  unavailable: string | null = null;
  /** What is asked is neither done nor answered. */
  hangs = false;
  readonly units = new Map<string, Traces>();
  readonly clock: Clock;
  readonly #script: FakeScript;
  readonly #watch: FakeHostWatch | undefined;
  #waiting: (() => void)[] = [];
  #lastPid = 0;
  #boots = 0;

  constructor({ clock, script = () => ({}), watch }: FakeHostOptions) {
    this.clock = clock;
    this.#script = script;
    this.#watch = watch;
  }

  /** The main processes that run now. */
  running(): { unit: string; hash: string; token: number; pid: number }[] {
    return [...this.units].flatMap(([unit, { main }]) =>
      main?.running ? [{ unit, hash: main.hash, token: main.token, pid: main.pid }] : [],
    );
  }

  /** Ends a unit's main process as if by itself. */
  end(unit: string, exit: Exit): void {
    this.units.get(unit)?.main?.end(exit);
  }

  /** Lets a unit's main process say something, as sd_notify(3) has it. */
  say(unit: string, message: string): void {
    this.units.get(unit)?.main?.notices.say(message);
  }

  /** Lets the kernel kill a process beside a unit's main one, because their memory ran out. */
  runOutOfMemory(unit: string): void {
    this.units.get(unit)?.main?.runOutOfMemory();
  }

  /** Everything that ran is lost, as in a power cut; the traces of it stay. */
  reboot(): void {
    this.#boots++;
    for (const unit of this.units.keys()) this.kill(unit, { kind: 'lost', reason: 'the machine was restarted' });
  }

  /** While there is a reason, nothing can be started, and the ends of processes are not told. */
  setUnavailable(reason: string | null): void {
    this.unavailable = reason;
    this.changed();
  }

  /** What is asked while it hangs is done when it does not any more, whether or not who asked is still there. */
  setHanging(hangs: boolean): void {
    this.hangs = hangs;
    this.changed();
  }

  traces(unit: string): Traces {
    const traces = this.units.get(unit) ?? { starts: 0, journal: [], main: null, controls: new Set() };
    this.units.set(unit, traces);
    return traces;
  }

  /**
   * @param identity of a main process; null for a control command.
   * @param agent the clock of who asks: it is waited for the start on it.
   * @throws {StartError} the host is out of reach, or the script says so.
   */
  async launch(
    request: RunRequest,
    identity: { hash: string; token: number; invocation?: string | undefined } | null,
    agent: Clock,
    check: () => void = () => undefined,
  ): Promise<FakeProcess> {
    const traces = this.traces(request.unit);
    const behaviour = this.#script(request, ++traces.starts);
    if (behaviour.startDelayMs !== undefined) await delay(agent, behaviour.startDelayMs);
    this.assertAvailable();
    check();
    if (this.hangs) {
      await this.answers();
      this.assertAvailable();
    }
    const { startFailure } = behaviour;
    if (startFailure !== undefined) throw new StartError(`${request.command.path}: ${startFailure}`);
    traces.journal.push(...(behaviour.prints ?? []));
    this.changed();
    const { hash, token, invocation } = identity ?? { hash: '', token: 0 };
    const process: FakeProcess = new FakeProcess(
      { pid: ++this.#lastPid, hash, token, invocation },
      behaviour,
      this.clock,
      this,
      (exit) => this.#watch?.ended(process, exit),
    );
    this.#watch?.started(process, { unit: request.unit, isMain: identity !== null });
    return process;
  }

  /** @throws {StartError} it is out of reach. */
  assertAvailable(): void {
    if (this.unavailable !== null) throw new StartError(this.unavailable);
  }

  /** Ends all that runs for the unit. */
  kill(unit: string, exit: Exit = { kind: 'killed', signal: 'SIGKILL' }): void {
    const { main, controls } = this.units.get(unit) ?? { main: null, controls: [] };
    for (const process of [...controls, ...(main ? [main] : [])]) process.end(exit);
  }

  async *readJournal(
    unit: string,
    { lines, follow, signal }: { lines: number; follow: boolean; signal: AbortSignal },
  ): AsyncGenerator<string> {
    let journal = this.units.get(unit)?.journal ?? [];
    for (let next = Math.max(0, journal.length - lines); ; ) {
      while (next < journal.length) yield journal[next++] ?? '';
      if (!follow || signal.aborted) return;
      await this.#change(signal);
      const now = this.units.get(unit)?.journal ?? [];
      // Removed and begun anew.
      if (now !== journal) next = 0;
      journal = now;
    }
  }

  /** Wakes whoever waits for something to change. */
  changed(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  #change(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      signal?.addEventListener('abort', wake);
      this.#waiting.push(wake);
    });
  }

  /** Resolves when it does not hang; never, where the machine was restarted meanwhile. */
  async answers(): Promise<void> {
    const boots = this.#boots;
    while (this.hangs) await this.#change();
    if (boots !== this.#boots) await new Promise(() => undefined);
  }

  /** Resolves when ends of processes may be told. */
  async tells(): Promise<void> {
    while (this.unavailable !== null || this.hangs) await this.#change();
  }
}
