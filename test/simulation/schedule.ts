/**
 * A bad day as data: which cluster, and what befalls it when. A seed makes one (`generate.ts`), a file holds one
 * (`regressions/*.json`), and `shrink.ts` cuts one down; running it again does the same, byte for byte.
 */

export interface Schedule {
  /** Of everything that is drawn while it runs: latencies, elections, ids of leases. */
  seed: number;
  machines: number;
  schedulers: number;
  /** Key/value stores; 0: none, and no clients of them. */
  stores: number;
  /** Schedulers save a snapshot after so many sequences of the log; absent: as the product does, which no day reaches. */
  snapshotEvery?: number;
  /** Which of `plots.ts` is in it. */
  plot?: string;
  /** When faults end, ms of the simulated clock; what is still wrong then is healed. */
  endMs: number;
  actions: TimedAction[];
}

export type TimedAction = { atMs: number } & Action;

export type Action = Operation | Fault;

/** What people and programs ask of the cluster. */
export type Operation =
  | { do: 'start' | 'load' | 'stop' | 'unload' | 'destroy' | 'restart' | 'submit'; client: number; units: string[] }
  /** Another version of the unit's file, which replaces the one before it. */
  | { do: 'replace'; client: number; units: string[]; version: number }
  | { do: 'move'; client: number; units: string[] }
  /** The same, one unit at a time. */
  | { do: 'rollOut'; client: number; units: string[]; version: number }
  | { do: 'cordon' | 'drain' | 'uncordon' | 'forget'; client: number; machine: string }
  /** null: the zone is taken away. */
  | { do: 'zone'; client: number; machine: string; zone: string | null }
  | { do: 'rebalance'; client: number }
  | { do: 'status'; client: number };

/** What goes wrong, and for how long. Actors are named `scheduler-1`, `node-1`, `store-1`, `client-1`. */
export type Fault = { forMs: number } /** Its process dies, and is started again after that time. */ & (
  | { do: 'crash'; actor: string }
  /** SIGHUP: an agent says that it makes room, and ends; the next one is started when that time is over. */
  | { do: 'handOver'; machine: string }
  /** SIGTERM: an agent stops its units and leaves the cluster; the next one is started when that time is over. */
  | { do: 'leave'; machine: string }
  /** SIGSTOP: nothing of it goes on, and then everything at once. */
  | { do: 'pause'; actor: string }
  /**
   * The next append of this actor is a trap for so long: with it the actor crashes or is paused, for as long again.
   * `before`: it is not sent; `during`: it is under way; `after`: its answer is there, and the actor has not seen it.
   */
  | { do: 'trap'; actor: string; on: 'fence' | 'log'; when: AppendStage; fate: 'crash' | 'pause' }
  /** Its connection is lost, and it knows. */
  | { do: 'disconnect'; actor: string }
  /** What it sends (up), or what is sent to it (down), is lost, and nobody is told; `only`: of the bus, or of the log. */
  | { do: 'deafen'; actors: string[]; direction: 'up' | 'down' | 'both'; only?: 'bus' | 'log' }
  /** These (clients may be among them) and all others are apart; `log`: on which side the log goes on, if on any. */
  | { do: 'split'; actors: string[]; log: 'these' | 'others' | 'neither' }
  /** Their NATS servers have lost each other: no message gets from these to those, or back, and all reach the log and the others. */
  | { do: 'part'; these: string[]; those: string[] }
  /** Of every message on the bus and (unless `only`) to the log: shares that are lost and that come twice, and how late they come. */
  | { do: 'weather'; loss: number; repeat: number; latencyMs: number; only?: 'bus' }
  /** The log has no quorum. */
  | { do: 'logAway' }
  /** Its disk is full: it refuses. */
  | { do: 'logFull' }
  /** Appends of this actor get no answer in time; they are stored all the same, at once or late, or are lost. */
  | { do: 'loseAnswers'; actor: string; appends: 'stored' | 'late' | 'lost' }
  /** The machine loses its power: everything on it ends. */
  | { do: 'power'; machine: string }
  /** Its Docker engine dies with its containers, and is away. */
  | { do: 'engine'; machine: string }
  /** Its engine does not answer; its containers go on. */
  | { do: 'engineAway'; machine: string }
  /** It takes what it is asked, does it when the time is over, and answers then; its containers go on. */
  | { do: 'engineHangs'; machine: string }
  /** The disk with its node's directory is full. */
  | { do: 'diskFull'; machine: string }
  /** What runs there of this unit ends by itself. */
  | { do: 'end'; machine: string; unit: string; code: number }
  /** Starting and stopping take so long there; `stubborn`: nothing but SIGKILL stops it. */
  | { do: 'slow'; machine: string; startMs: number; stopMs: number; stubborn: boolean }
  /** Its wall clock jumps, and jumps back at the end. */
  | { do: 'jump'; actor: string; byMs: number }
  /** Its clocks run faster or slower by that share. */
  | { do: 'drift'; actor: string; by: number }
);

export type AppendStage = 'before' | 'during' | 'after';

export function isFault(action: Action): action is Fault {
  return 'forMs' in action;
}

export const machineName = (number: number) => `m${number}`;
export const nodeOf = (machine: string) => `node-${machine.slice(1)}`;

export const clientNames = ['client-1', 'client-2'] as const;

/** Every actor of the schedule's cluster, clients not included. */
export function actorsOf({ machines, schedulers, stores }: Schedule): string[] {
  const numbered = (kind: string, count: number) => Array.from({ length: count }, (_, i) => `${kind}-${i + 1}`);
  return [...numbered('scheduler', schedulers), ...numbered('node', machines), ...numbered('store', stores)];
}
