import { constants } from 'node:os';
import { type Clock, delay } from '../../../shared/clock/clock.ts';
import type { Health } from '../../../shared/domain/health.ts';
import { FakeNotices } from './notify/fakeNotices.ts';
import type { Exit, MainProcess } from './runtime.ts';

/** What a command does. By default it starts at once, and runs until a signal ends it. */
export interface FakeBehaviour {
  startDelayMs?: number;
  /** It cannot be started, and this is why. */
  startFailure?: string;
  prints?: string[];
  /** It ends by itself, so long after its start. */
  ends?: { afterMs: number; exit: Exit };
  /** It has a health check, which is `starting` first and then says these, so long after its start. */
  health?: { afterMs: number; says: Health }[];
  /** Signals that it takes no notice of; nothing withstands SIGKILL. */
  ignores?: string[];
  /** It leaves another process behind, which ends on any signal to all but these. */
  leaves?: { ignores: string[] };
  /** How long it takes to end on a signal other than SIGKILL. */
  stopDelayMs?: number;
}

/** What a process runs on. */
export interface FakeProcessHost {
  readonly hangs: boolean;
  answers(): Promise<void>;
  tells(): Promise<void>;
}

export interface FakeProcessFacts {
  pid: number;
  hash: string;
  token: number;
  invocation?: string | undefined;
}

/** By default these end no process, signal(7). A stopped one is not simulated. */
const harmless = ['SIGCHLD', 'SIGCONT', 'SIGURG', 'SIGWINCH', 'SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU'];

/** A process that does what its behaviour says, in the clock's time. */
export class FakeProcess implements MainProcess {
  readonly pid: number;
  readonly hash: string;
  readonly token: number;
  readonly invocation: string | undefined;
  readonly exited: Promise<Exit>;
  readonly notices = new FakeNotices();
  /** What its check says now. */
  health?: Health;
  readonly watchHealth?: (onChange: (health: Health) => void) => () => void;
  readonly #behaviour: FakeBehaviour;
  readonly #healthWatchers = new Set<(health: Health) => void>();
  readonly #memoryWatchers = new Set<() => void>();
  readonly #clock: Clock;
  readonly #host: FakeProcessHost;
  #rest: boolean;
  readonly #stop = new AbortController();
  readonly #onEnd: (exit: Exit) => void;
  #end: (exit: Exit) => void = () => {};

  /** @param onEnd called at the end itself. */
  constructor(
    { pid, hash, token, invocation }: FakeProcessFacts,
    behaviour: FakeBehaviour,
    clock: Clock,
    host: FakeProcessHost,
    onEnd: (exit: Exit) => void = () => undefined,
  ) {
    this.pid = pid;
    this.hash = hash;
    this.token = token;
    this.invocation = invocation;
    this.#behaviour = behaviour;
    this.#rest = behaviour.leaves !== undefined;
    this.#clock = clock;
    this.#host = host;
    this.#onEnd = onEnd;
    const end = new Promise<Exit>((resolve) => {
      this.#end = resolve;
    });
    this.exited = end.then((exit) => host.tells().then(() => exit));
    if (behaviour.health) {
      this.health = 'starting';
      this.watchHealth = (onChange) => {
        this.#healthWatchers.add(onChange);
        return () => void this.#healthWatchers.delete(onChange);
      };
      for (const { afterMs, says } of behaviour.health) void this.#checkAfter(afterMs, says);
    }
    if (behaviour.ends) this.#endAfter(behaviour.ends.afterMs, behaviour.ends.exit);
  }

  get running(): boolean {
    return !this.#stop.signal.aborted;
  }

  async emptied(signal: AbortSignal): Promise<boolean> {
    while (this.#rest && !signal.aborted) await delay(this.#clock, 10, signal);
    return !this.#rest;
  }

  async signal(name: string, to: 'main' | 'all' = 'all'): Promise<void> {
    if (!(name in constants.signals) && !/^SIGRTMIN(\+\d+)?$/.test(name))
      throw new RangeError(`there is no signal ${name}`);
    if (this.#host.hangs) await this.#host.answers();
    const { ignores = [], stopDelayMs = 0, leaves } = this.#behaviour;
    if (to === 'all' && !leaves?.ignores.includes(name)) this.#rest = false;
    if (name === 'SIGKILL') this.end({ kind: 'killed', signal: name });
    else if (![...ignores, ...harmless].includes(name)) this.#endAfter(stopDelayMs, { kind: 'killed', signal: name });
  }

  watchMemory(onKill: () => void): () => void {
    this.#memoryWatchers.add(onKill);
    return () => void this.#memoryWatchers.delete(onKill);
  }

  /** The kernel kills a process that it has started. */
  runOutOfMemory(): void {
    for (const told of this.#memoryWatchers) told();
  }

  /** Ends it, whatever its behaviour; only the first end counts. */
  end(exit: Exit): void {
    if (!this.running) return;
    this.#stop.abort();
    this.#onEnd(exit);
    this.#end(exit);
  }

  async #checkAfter(ms: number, says: Health): Promise<void> {
    await delay(this.#clock, ms, this.#stop.signal);
    if (!this.running) return;
    this.health = says;
    for (const told of [...this.#healthWatchers]) told(says);
  }

  #endAfter(ms: number, exit: Exit): void {
    if (ms === 0) return this.end(exit);
    void delay(this.#clock, ms, this.#stop.signal).then(() => this.end(exit));
  }
}
