import { constants } from 'node:os';
import { type Clock, delay } from '../../../shared/clock/clock.ts';
import type { Exit, MainProcess } from './runtime.ts';

/** What a command does. By default it starts at once, and runs until a signal ends it. */
export interface FakeBehaviour {
  startDelayMs?: number;
  /** It cannot be started, and this is why. */
  startFailure?: string;
  prints?: string[];
  /** It ends by itself, so long after its start. */
  ends?: { afterMs: number; exit: Exit };
  /** Signals that it takes no notice of; nothing withstands SIGKILL. */
  ignores?: string[];
  /** How long it takes to end on a signal other than SIGKILL. */
  stopDelayMs?: number;
}

export interface FakeProcessFacts {
  pid: number;
  hash: string;
  token: number;
}

/** By default these end no process, signal(7). A stopped one is not simulated. */
const harmless = ['SIGCHLD', 'SIGCONT', 'SIGURG', 'SIGWINCH', 'SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU'];

/** A process that does what its behaviour says, in the clock's time. */
export class FakeProcess implements MainProcess {
  readonly pid: number;
  readonly hash: string;
  readonly token: number;
  readonly exited: Promise<Exit>;
  readonly #behaviour: FakeBehaviour;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  #end: (exit: Exit) => void = () => {};

  /** @param told resolves when ends of processes may be told. */
  constructor(
    { pid, hash, token }: FakeProcessFacts,
    behaviour: FakeBehaviour,
    clock: Clock,
    told: () => Promise<void>,
  ) {
    this.pid = pid;
    this.hash = hash;
    this.token = token;
    this.#behaviour = behaviour;
    this.#clock = clock;
    const end = new Promise<Exit>((resolve) => {
      this.#end = resolve;
    });
    this.exited = end.then((exit) => told().then(() => exit));
    if (behaviour.ends) this.#endAfter(behaviour.ends.afterMs, behaviour.ends.exit);
  }

  get running(): boolean {
    return !this.#stop.signal.aborted;
  }

  async signal(name: string): Promise<void> {
    if (!(name in constants.signals) && !/^SIGRTMIN(\+\d+)?$/.test(name))
      throw new RangeError(`there is no signal ${name}`);
    const { ignores = [], stopDelayMs = 0 } = this.#behaviour;
    if (name === 'SIGKILL') this.end({ kind: 'killed', signal: name });
    else if (![...ignores, ...harmless].includes(name)) this.#endAfter(stopDelayMs, { kind: 'killed', signal: name });
  }

  /** Ends it, whatever its behaviour; only the first end counts. */
  end(exit: Exit): void {
    this.#stop.abort();
    this.#end(exit);
  }

  #endAfter(ms: number, exit: Exit): void {
    if (ms === 0) return this.end(exit);
    void delay(this.#clock, ms, this.#stop.signal).then(() => this.end(exit));
  }
}
