/**
 * Reads the log as it grows and holds everybody to it: who may write what, what was acknowledged, which decisions say
 * why, which processes may be stopped.
 */
import type { ClusterState, DesiredState } from '../../shared/domain/clusterState.ts';
import type { Event } from '../../shared/domain/events.ts';
import type { LogRecord } from '../../shared/log/eventLog.ts';
import { Projection } from '../../shared/log/projection.ts';
import type { Command, CommandReply } from '../../shared/protocol/commands.ts';
import { type Commit, causeOf } from '../../shared/protocol/commit.ts';
import { hashState } from '../../shared/protocol/stateHash.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import type { Situation } from './coverage.ts';
import type { RunningMain } from './machine.ts';

export interface AuditOptions {
  /** Told of each rule that was broken. */
  onViolation: (rule: string, what: string) => void;
  /** Why the machine may have been silent lately; null: nothing was wrong with it. */
  troubleOf: (machine: string) => string | null;
  now: () => number;
  onEvent: (event: Event) => void;
  note: (what: Situation) => void;
}

interface Wish {
  seq: number;
  desired: DesiredState | 'gone';
}

/** A refusal may cross another copy of the command on its way. */
const crossingMs = 1_000;

export class Audit {
  readonly projection = new Projection();
  readonly records: { record: LogRecord; commit: Commit }[] = [];
  readonly #options: AuditOptions;
  readonly #executed = new Map<string, { seq: number; atMs: number }>();
  readonly #wishes = new Map<string, Wish[]>();
  /** When something last happened to a unit, or to a machine, for which units may have to stop. */
  readonly #changes = new Map<string, number>();
  /** When a machine, or a unit's copy on one, was last given up. */
  readonly #givenUp = new Map<string, number>();
  /** When a machine last said that a copy runs there, with the log saying that it shall. */
  readonly #takenBack = new Map<string, number>();
  readonly #globals = new Set<string>();
  /** What schedulers said of the state at a sequence. */
  readonly #claims: { scheduler: string; seq: number; hash: string }[] = [];
  /** The highest sequence that was acknowledged to anybody, when each command was asked for. */
  readonly #askedAfter = new Map<string, number>();
  /** Who led when each command was asked for. */
  readonly #askedUnder = new Map<string, string>();
  #acknowledged = 0;
  #leader = '';
  #epoch = 0;

  constructor(options: AuditOptions) {
    this.#options = options;
  }

  /** Of the last election. */
  get epoch(): number {
    return this.#epoch;
  }

  get state(): ClusterState {
    return this.projection.state;
  }

  read(record: LogRecord): void {
    const { onViolation } = this.#options;
    let commit: Commit;
    try {
      commit = this.projection.apply(record);
    } catch (error) {
      return onViolation('the log can be read, and is one chain', String(error));
    }
    this.records.push({ record, commit });
    this.#checkWriter(record, commit);
    for (const event of commit.events) this.#checkEvent(commit, event, record.seq);
    for (const { id, type } of commit.commands ?? []) {
      const before = this.#executed.get(id);
      if (before) onViolation('a command is executed once', `${type} ${id} at ${before.seq} and ${record.seq}`);
      this.#executed.set(id, { seq: record.seq, atMs: this.#options.now() });
    }
  }

  /** A client is about to give a command. */
  asked({ id }: Command): void {
    this.#askedAfter.set(id, this.#acknowledged);
    this.#askedUnder.set(id, this.#leader);
  }

  /** A client has been answered. */
  answered(command: Command, reply: CommandReply): void {
    const { onViolation, now } = this.#options;
    const executed = this.#executed.get(command.id);
    if (!reply.ok) {
      const isFirm = executed !== undefined && now() - executed.atMs > crossingMs;
      const what = `${command.type} ${command.id} was refused (${reply.code}), and is on the log at ${executed?.seq}`;
      if (isFirm) onViolation('what is refused is not done', what);
      return;
    }
    if (this.#askedUnder.get(command.id) !== this.#leader)
      this.#options.note('commands answered after another leader came');
    const what = `${command.type} ${command.id} was acknowledged at ${reply.seq}`;
    const known = this.#askedAfter.get(command.id) ?? 0;
    if (reply.seq < known)
      onViolation('who asks later sees what was acknowledged before', `${what}, after ${known} had been`);
    this.#acknowledged = Math.max(this.#acknowledged, reply.seq);
    if (reply.seq > this.projection.seq) {
      onViolation('acknowledged means durable', `${what}, the log ends at ${this.projection.seq}`);
    } else if (executed ? executed.seq !== reply.seq : !this.#isSo(command, reply.seq)) {
      onViolation('acknowledged means durable', `${what}, ${executed ? `but is at ${executed.seq}` : 'and is not so'}`);
    }
  }

  /** A scheduler has said what its state is. */
  claimed(scheduler: string, seq: number, hash: string): void {
    this.#claims.push({ scheduler, seq, hash });
  }

  /** A version of the unit was to run on every machine at once. */
  wasGlobal(unit: string): boolean {
    return this.#globals.has(unit);
  }

  /** Whether there was a reason to stop what runs there. */
  mayStop({ machine, unit, process }: RunningMain): boolean {
    return [unit, machine].some((name) => (this.#changes.get(name) ?? 0) > process.token);
  }

  /**
   * Nobody waits for the end of that copy: its machine was lost since, or should have ended it for long; and it has not
   * been taken up there again.
   */
  isGivenUp(main: RunningMain): boolean {
    const { machine, unit } = main;
    const given = [machine, `${unit} on ${machine}`].map((what) => this.#givenUp.get(what) ?? 0);
    return Math.max(...given) > this.entitledSince(main);
  }

  /** What last said that the copy shall run there: its start, or that it was taken up again. */
  entitledSince({ machine, unit, process }: RunningMain): number {
    return Math.max(process.token, this.#takenBack.get(`${unit} on ${machine}`) ?? 0);
  }

  /** Folds everything once more, from the first commit and from a snapshot in the middle. */
  replay(): void {
    const { onViolation } = this.#options;
    const claims = this.#claims.toSorted((a, b) => a.seq - b.seq);
    const middle = Math.floor(this.records.length / 2);
    let replayed = new Projection();
    for (const [index, { record }] of this.records.entries()) {
      if (index === middle) replayed = Projection.restore(replayed.snapshot()) ?? new Projection();
      replayed.apply(record);
      if (claims[0]?.seq !== record.seq) continue;
      const hash = hashState(replayed.state);
      for (let claim = claims[0]; claim?.seq === record.seq; claim = claims[0]) {
        claims.shift();
        if (claim.hash === hash) continue;
        onViolation('the same commits make the same state', `${claim.scheduler} has another one at ${claim.seq}`);
      }
    }
    if (hashState(replayed.state) !== hashState(this.state))
      onViolation('the same commits make the same state', 'replayed from a snapshot it is another one');
  }

  #checkWriter({ seq, subject }: LogRecord, { by, events }: Commit): void {
    const { onViolation } = this.#options;
    const [first] = events;
    if (subject === subjects.clusterLog) {
      if (first?.type === 'LeaderElected') {
        if (first.epoch <= this.#epoch) onViolation('epochs grow', `${first.epoch} at ${seq} after ${this.#epoch}`);
        [this.#epoch, this.#leader] = [first.epoch, `scheduler/${first.leader}`];
      }
      if (by !== this.#leader) onViolation('one writer a subject', `${by} wrote at ${seq}, ${this.#leader} leads`);
    } else if (subjects.nodeLog(by.replace('node/', '')) !== subject) {
      onViolation('one writer a subject', `${by} wrote at ${seq} on ${subject}`);
    }
  }

  #checkEvent(commit: Commit, event: Event, seq: number): void {
    const { onViolation, troubleOf } = this.#options;
    this.#options.onEvent(event);
    const cause = causeOf(commit, event);
    const isUnexplained = cause === '' || ('reason' in event && needsReason.has(event.type) && event.reason === '');
    if (isUnexplained) onViolation('every decision says why', `${event.type} at ${seq}`);
    if ('unit' in event && event.type !== 'UnitStateReported' && event.type !== 'UnitStateForgotten') {
      if (event.type !== 'UnitLeftWaiting') this.#changes.set(event.unit, seq);
      const wishes = this.#wishes.get(event.unit) ?? [];
      const before = wishes.at(-1)?.desired ?? 'gone';
      wishes.push({ seq, desired: desiredAfter(event, before) });
      this.#wishes.set(event.unit, wishes);
    }
    if (event.type === 'MachineLost' || event.type === 'MachineLeft') {
      this.#changes.set(event.machine, seq);
      this.#givenUp.set(event.machine, seq);
      if (event.type === 'MachineLost' && troubleOf(event.machine) === null)
        onViolation('a blip evicts nobody', `${event.machine} is lost at ${seq}, and nothing was wrong with it`);
    }
    if (event.type === 'UnitAwaitEnded' && event.reason.startsWith('it should have stopped'))
      this.#givenUp.set(`${event.unit} on ${event.machine}`, seq);
    if (event.type === 'UnitStateReported' && event.active === 'active' && this.#isPlaced(event))
      this.#takenBack.set(`${event.unit} on ${event.machine}`, seq);
    if (event.type === 'UnitSubmitted' && event.placement.global) this.#globals.add(event.unit);
    if (event.type === 'UnitPlaced') this.#checkPlaced(event.unit, event.machine, seq);
  }

  #isPlaced({ unit, machine }: { unit: string; machine: string }): boolean {
    return Object.hasOwn(this.state.units.get(unit)?.machines ?? {}, machine);
  }

  #checkPlaced(name: string, machine: string, seq: number): void {
    const { onViolation } = this.#options;
    const unit = this.state.units.get(name);
    if (!unit) return;
    const places = Object.keys(unit.machines);
    if (!unit.placement.global && places.length > 1)
      onViolation('a unit has one place', `${name} is on ${places.join(' and ')} at ${seq}`);
    if (places.includes(machine) && this.state.machines.get(machine)?.state !== 'ready')
      onViolation('units are placed where a machine is', `${name} on ${machine} at ${seq}`);
  }

  /**
   * Whether what a command asks for was so at that sequence: then it had nothing to do. Where several commands share a
   * commit, it may have been so only between two of them.
   */
  #isSo(command: Command, seq: number): boolean {
    const wanted = asked[command.type];
    if (!wanted || !('units' in command)) return true;
    return command.units.every(({ name }) => {
      const wishes = this.#wishes.get(name) ?? [];
      const before = wishes.findLast((one) => one.seq < seq)?.desired ?? 'gone';
      return [before, ...wishes.flatMap((one) => (one.seq === seq ? one.desired : []))].some((one) =>
        wanted.includes(one),
      );
    });
  }
}

/** What is wished of the event's unit from then on. */
function desiredAfter({ type }: Event, before: Wish['desired']): Wish['desired'] {
  if (type === 'UnitSubmitted') return before === 'gone' ? 'inactive' : before;
  return wishedBy[type] ?? before;
}

const wishedBy: { [type in Event['type']]?: Wish['desired'] } = {
  UnitLaunchRequested: 'launched',
  UnitLoadRequested: 'loaded',
  UnitUnloadRequested: 'inactive',
  UnitDestroyed: 'gone',
};

const needsReason = new Set<Event['type']>([
  ...(['UnitPlaced', 'UnitEvicted', 'UnitAwaitEnded'] as const),
  ...(['MachineLost', 'MachineLeft', 'NodeSynced'] as const),
]);

const asked: { [type in Command['type']]?: (DesiredState | 'gone')[] } = {
  SubmitUnits: ['inactive', 'loaded', 'launched'],
  LoadUnits: ['loaded', 'launched'],
  StartUnits: ['launched'],
  RestartUnits: ['launched'],
  ReloadUnits: ['launched'],
  StopUnits: ['loaded', 'inactive'],
  UnloadUnits: ['inactive'],
  DestroyUnits: ['gone'],
};
