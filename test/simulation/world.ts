/** A cluster of twins on which a schedule is played. */
import { createMemoryNetwork } from '../../shared/bus/memoryBus.ts';
import type { Clock } from '../../shared/clock/clock.ts';
import { createSimulatedClock } from '../../shared/clock/simulatedClock.ts';
import { createMemoryLog } from '../../shared/log/memoryLog.ts';
import { createMemorySnapshots } from '../../shared/log/memorySnapshots.ts';
import type { SnapshotStore } from '../../shared/log/snapshots.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { createRandom } from '../linearizability/record/random.ts';
import { Actor } from './actor.ts';
import { Audit } from './audit.ts';
import { Client } from './client.ts';
import { Coverage, type Situation } from './coverage.ts';
import { effectOf, everybody, type Struck } from './effects.ts';
import { startLeaseGuard } from './leaseGuard.ts';
import { Machine, type RunningMain } from './machine.ts';
import { keeperParty, Roads } from './roads.ts';
import { clientNames, type Fault, machineName, nodeOf, type Operation, type Schedule } from './schedule.ts';
import { beginNode, beginScheduler, beginStore, type Logs, type ServingStore, sigterm } from './startActors.ts';
import { Trace } from './trace.ts';
import { isLeased } from './units.ts';

export interface Violation {
  atMs: number;
  rule: string;
  what: string;
}

/** What was wrong with a machine explains for so long that it is lost: one that was restarted waits until it is, and elections begin anew. */
const troubleMs = 10_000;
const decoder = new TextDecoder();
/** Who has said that it makes room is waited for so long. */
const roomMs = 15_000;
/** Whoever begins to stop has stopped within this long. */
const stoppingMs = 6_000;

export class World {
  readonly clock = createSimulatedClock(1_700_000_000_000);
  readonly trace = new Trace();
  readonly coverage = new Coverage();
  readonly violations: Violation[] = [];
  readonly machines: Machine[];
  readonly actors = new Map<string, Actor>();
  readonly stores = new Map<string, ServingStore>();
  readonly clients: Client[];
  readonly audit: Audit;
  readonly logs: Logs = {
    cluster: createMemoryLog(),
    kv: createMemoryLog(),
    fences: createMemoryLog({ keepOnlyLast: true }),
    assignments: createMemoryLog({ keepOnlyLast: true }),
  };
  readonly #roads: Roads;
  /** What ends the faults that go on. */
  readonly #endings = new Set<() => void>();
  /** By actor: what goes wrong with it, and until when its silence has an explanation, ms. */
  readonly #troubles = new Map<string, { open: number; untilMs: number }>();
  /** Machines whose agents were started anew, and are not on the log yet: who leads may take long to say so. */
  readonly #awaited = new Set<string>();
  /** Machines whose agents make room, which the leader of that epoch has heard, and until when it waits for the next, ms. */
  readonly #makingRoom = new Map<string, { epoch: number; untilMs: number }>();
  /** Machines whose agents were told to stop all units, and to leave. */
  readonly #leaving = new Set<string>();
  /** Until when some fault goes on, or explains what happens, ms. */
  #troubledUntilMs = 0;
  readonly #over = new AbortController();

  constructor(schedule: Schedule) {
    const random = createRandom(schedule.seed);
    const { clock } = this;
    this.#roads = new Roads(random.fork());
    const network = createMemoryNetwork({ clock, carriage: this.#roads });
    const note = (what: Situation) => this.coverage.note(what);
    const snapshots = countedSnapshots(
      createMemorySnapshots(() => undefined),
      note,
    );
    const hub = { clock, roads: this.#roads, network, snapshots, note };
    const onError = (actor: string, error: unknown) => this.tell(`${actor}: ${describe(error)}`);
    const { snapshotEvery } = schedule;
    const surroundings = { logs: this.logs, random: random.fork(), snapshotEvery, onError };
    this.audit = new Audit({
      onViolation: (rule, what) => this.violate(rule, what),
      troubleOf: (machine) => this.#troubleOf(machine),
      now: () => clock.monotonicNow(),
      onEvent: (event) => {
        this.coverage.event(event);
        if (event.type === 'MachineJoined') this.#awaited.delete(event.machine);
        if (event.type === 'MachineLeft' && event.reason === sigterm) this.#checkEmpty(event.machine);
      },
      note,
    });
    const addActor = (name: string, isIndependent: boolean, start: ConstructorParameters<typeof Actor>[1]['start']) => {
      const died = (error: unknown) => this.violate('no process dies of an error', `${name}: ${describe(error)}`);
      this.actors.set(name, new Actor(hub, { name, isIndependent, start, onError: died }));
    };
    for (let i = 1; i <= schedule.schedulers; i++)
      addActor(`scheduler-${i}`, false, (birth) => beginScheduler(birth, surroundings));
    this.machines = Array.from({ length: schedule.machines }, (_, i) => this.#createMachine(machineName(i + 1)));
    for (const machine of this.machines) {
      addActor(nodeOf(machine.id), true, (birth) => {
        this.#makingRoom.delete(machine.id);
        this.#leaving.delete(machine.id);
        return beginNode(birth, surroundings, machine);
      });
      const onKill = () => note('leased units killed by the guard');
      startLeaseGuard(machine, this.#clockOf(machine.id), onKill);
    }
    for (let i = 1; i <= schedule.stores; i++) {
      const name = `store-${i}`;
      addActor(name, false, (birth) => {
        const { over } = birth.life;
        return beginStore(birth, surroundings, (serving) => {
          if (!serving) return void this.stores.delete(name);
          this.stores.set(name, { ...serving, ended: Promise.race([serving.ended, over]) });
          void over.then(() => this.stores.get(name)?.service === serving.service && this.stores.delete(name));
        });
      });
    }
    const versions = new Map<string, number>();
    this.clients = clientNames.map((name) => {
      return new Client({
        ...{ name, bus: network.connect(name), clock, versions },
        onAsk: (command) => this.audit.asked(command),
        onAnswer: (command, reply) => {
          const answer = reply === null ? 'no answer' : reply.ok ? `done at ${reply.seq}` : reply.code;
          this.tell(`${name}: ${command.type} ${command.id}: ${answer}`);
          if (reply) this.audit.answered(command, reply);
        },
        onStatus: ({ scheduler, seq, stateHash }) => {
          this.tell(`${scheduler} has ${stateHash.slice(0, 8)} at ${seq}`);
          this.audit.claimed(scheduler, seq, stateHash);
        },
      });
    });
    const keeper = network.connect(keeperParty);
    const assignments = this.logs.assignments.open();
    keeper.subscribe(subjects.allAssignments, ({ subject, data }) => {
      void keepLast(assignments, subject, data, `assignment-${++this.#lastAssignment}`);
    });
    void this.#readLog();
    for (const actor of this.actors.values()) actor.begin();
  }

  #lastAssignment = 0;

  tell(what: string): void {
    this.trace.add(this.clock.monotonicNow(), what);
  }

  violate(rule: string, what: string): void {
    this.violations.push({ atMs: this.clock.monotonicNow(), rule, what });
    this.tell(`VIOLATION ${rule}: ${what}`);
  }

  perform(operation: Operation & { client?: number }): void {
    const client = this.clients[(operation.client ?? 0) % this.clients.length];
    client?.perform(operation).catch((error) => this.violate('clients get answers', describe(error)));
  }

  /** Begins a fault, which ends by itself. */
  strike(fault: Fault): void {
    const { begin, end, troubles } = effectOf(fault, this.#struck());
    this.tell(`fault ${JSON.stringify(fault)}`);
    this.#noteFault(fault);
    const ending = () => {
      if (!this.#endings.delete(ending)) return;
      end();
      this.#trouble(troubles, -1);
    };
    this.#endings.add(ending);
    this.#trouble(troubles, 1);
    this.#troubledUntilMs = Math.max(this.#troubledUntilMs, this.clock.monotonicNow() + fault.forMs + troubleMs);
    for (const { id } of this.machines) if (endsAgent(fault, id)) this.#awaited.add(id);
    begin();
    this.clock.setTimeout(ending, fault.forMs);
  }

  #struck(): Struck {
    return {
      ...{ actors: this.actors, machines: this.machines, roads: this.#roads, logs: this.logs },
      strike: (fault) => this.strike(fault),
      makesRoom: (machine) => {
        this.coverage.note('agents that are waited for while they make room');
        const untilMs = this.clock.monotonicNow() + roomMs;
        this.#makingRoom.set(machine, { epoch: this.audit.epoch, untilMs });
      },
      leaves: (machine) => this.#leaving.add(machine),
      hasEnded: (machine) => this.#awaited.add(machine),
    };
  }

  #noteFault(fault: Fault): void {
    this.coverage.note(`fault ${fault.do === 'trap' ? `trap ${fault.when} an append: ${fault.fate}` : fault.do}`);
    if (this.#endings.size > 0) this.coverage.note('faults that overlap another one');
    const isTroubled = 'actor' in fault && (this.#troubles.get(fault.actor)?.open ?? 0) > 0;
    if (isTroubled) this.coverage.note('faults of an actor that overlap');
  }

  /** Ends every fault. */
  heal(): void {
    this.tell('healed');
    for (const ending of [...this.#endings]) ending();
  }

  end(): void {
    this.#over.abort();
    for (const actor of this.actors.values()) actor.crash();
  }

  #troubleOf(machine: string): string | null {
    const now = this.clock.monotonicNow();
    const isTroubled = (name: string) => {
      const { open, untilMs } = this.#troubles.get(name) ?? { open: 0, untilMs: 0 };
      return open > 0 || untilMs > now;
    };
    if (!isTroubled(everybody) && this.#isWaitedFor(machine)) return null;
    if (this.#awaited.has(machine)) return nodeOf(machine);
    return [nodeOf(machine), everybody].find(isTroubled) ?? null;
  }

  #isWaitedFor(machine: string): boolean {
    const room = this.#makingRoom.get(machine);
    return room !== undefined && room.epoch === this.audit.epoch && this.clock.monotonicNow() < room.untilMs;
  }

  /** Something is wrong with these (1), or not any more (-1). */
  #trouble(names: readonly string[], by: 1 | -1): void {
    for (const name of names) {
      const open = (this.#troubles.get(name)?.open ?? 0) + by;
      this.#troubles.set(name, { open, untilMs: this.clock.monotonicNow() + troubleMs });
    }
  }

  #createMachine(id: string): Machine {
    return new Machine(id, this.clock, {
      started: (main) => {
        const { unit, process } = main;
        this.tell(`${unit} starts on ${id} (token ${process.token})`);
        if (isLeased(unit)) this.#checkAlone(main);
        else if (!this.audit.wasGlobal(unit)) this.#checkMoved(main);
      },
      ended: (main, exit) => {
        const how = exit.kind === 'exited' ? `exit ${exit.code}` : exit.kind === 'killed' ? exit.signal : exit.reason;
        this.tell(`${main.unit} ends on ${id}: ${how}`);
        const isTold = this.audit.mayStop(main) || this.#leaving.has(id);
        if (exit.kind === 'killed' && !isTold && !this.#mayEndLease(main))
          this.violate('no healthy unit is stopped', `${main.unit} on ${id} (token ${main.process.token}): ${how}`);
      },
    });
  }

  /** At no moment of true time two copies run of what must be alone. */
  #checkAlone(main: RunningMain): void {
    const { unit, machine: here } = main;
    const copies = this.machines.flatMap((machine) => {
      const own = [...machine.mains.values()].filter((other) => other.unit === unit);
      return own.map((copy) => ({ copy, isExcused: machine.wasOutOfReach(copy) }));
    });
    if (copies.some(({ copy, isExcused }) => copy === main && isExcused)) return;
    for (const { copy, isExcused } of copies)
      if (copy.machine !== here && !isExcused)
        this.violate('no leased unit runs twice', `${unit} starts on ${here}, and runs on ${copy.machine}`);
  }

  /** Of two copies, the older one's machine was lost since, or hangs: else the newer one had to wait for its end. */
  #checkMoved(main: RunningMain): void {
    for (const { id, mains } of this.machines) {
      if (id === main.machine) continue;
      for (const other of [...mains.values()].filter(({ unit }) => unit === main.unit)) {
        const isOlder = this.audit.entitledSince(other) < this.audit.entitledSince(main);
        const [older, newer] = isOlder ? [other, main] : [main, other];
        if (this.audit.isGivenUp(older)) continue;
        const tokens = `on ${older.machine} (token ${older.process.token}) and ${newer.machine} (${newer.process.token})`;
        this.violate('a unit that is moved does not run twice', `${main.unit} runs ${tokens}`);
      }
    }
  }

  /** Who says that it leaves has stopped everything: what ran there is started elsewhere at once. */
  #checkEmpty(id: string): void {
    const machine = this.machines.find((one) => one.id === id);
    for (const main of machine?.mains.values() ?? [])
      if (!machine?.wasOutOfReach(main)) this.violate('who leaves has stopped its units', `${main.unit} runs on ${id}`);
  }

  /** By the machine's own record and clock the unit's lease has run out, and there was trouble for which it may. */
  #mayEndLease(main: RunningMain): boolean {
    const { unit, machine: id } = main;
    const machine = this.machines.find((one) => one.id === id);
    const now = this.#clockOf(id).monotonicNow();
    machine?.noteLapses(now);
    const lapsedAt = machine?.lapses.get(unit);
    if (lapsedAt === undefined) return false;
    // An engine that hung kills later.
    const isTooLate = now - lapsedAt > stoppingMs && machine?.wasOutOfReach(main) !== true;
    if (isTooLate || this.clock.monotonicNow() > this.#troubledUntilMs) return false;
    this.coverage.note('leased units stopped for want of a lease');
    return true;
  }

  #clockOf(machine: string): Clock {
    const { clock } = this.actors.get(nodeOf(machine)) ?? {};
    if (!clock) throw new Error(`there is no machine ${machine}`);
    return clock;
  }

  async #readLog(): Promise<void> {
    const { signal } = this.#over;
    for await (const record of this.logs.cluster.open().tail({ fromSeq: 1, signal })) {
      this.tell(`#${record.seq} ${record.subject} ${decoder.decode(record.data)}`);
      this.audit.read(record);
    }
  }
}

function endsAgent(fault: Fault, machine: string): boolean {
  return (
    ((fault.do === 'power' || fault.do === 'handOver') && fault.machine === machine) ||
    (fault.do === 'crash' && fault.actor === nodeOf(machine))
  );
}

function countedSnapshots(snapshots: SnapshotStore, note: (what: Situation) => void): SnapshotStore {
  return {
    save: async (...saving) => {
      await snapshots.save(...saving);
      note('snapshots saved');
    },
    latest: async (name) => {
      const found = await snapshots.latest(name);
      if (found) note('snapshots taken up');
      return found;
    },
  };
}

/** A stream that keeps the last message of each subject. */
async function keepLast(
  log: ReturnType<Logs['assignments']['open']>,
  subject: string,
  data: Uint8Array,
  id: string,
): Promise<void> {
  try {
    const last = await log.last(subject);
    await log.append({ subject, id, data, expectedSeq: last?.seq ?? 0 });
  } catch {
    // The stream is away, or full: a message on the bus is not kept then.
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
