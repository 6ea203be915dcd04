/** Schedulers on the twins of everything around them, in simulated time: what they do can be seen from all sides. */
import type { TestContext } from 'node:test';
import { startScheduler } from '../../services/scheduler/schedulerActor.ts';
import type { Bus } from '../../shared/bus/bus.ts';
import { createMemoryNetwork, type MemoryBus } from '../../shared/bus/memoryBus.ts';
import { createSimulatedClock } from '../../shared/clock/simulatedClock.ts';
import type { MachineFacts } from '../../shared/domain/events.ts';
import { createMemoryLog, type MemoryLogHandle } from '../../shared/log/memoryLog.ts';
import { createMemorySnapshots } from '../../shared/log/memorySnapshots.ts';
import type { Replica } from '../../shared/log/replicaActor.ts';
import type { CommandBody, CommandReply } from '../../shared/protocol/commands.ts';
import { type Commit, decodeCommit } from '../../shared/protocol/commit.ts';
import { decodeJson, encodeJson } from '../../shared/protocol/json.ts';
import type { Assignment, Heartbeat, HeartbeatReply } from '../../shared/protocol/node.ts';
import type { Query, QueryReply } from '../../shared/protocol/queries.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { machineFacts } from './samples.ts';

export interface RunningScheduler extends Replica {
  readonly bus: MemoryBus;
  readonly log: MemoryLogHandle;
  readonly states: string[];
  /** Cuts it off from everything, as a crash of its machine would. */
  isolate(): void;
  /** The bus carries nothing to and from it, and nobody notices: its server hangs. */
  stall(isStalled: boolean): void;
  reconnect(): void;
}

/** Longer than an election takes. */
export const electionMs = 2_500;

export class MemorySchedulers {
  readonly clock = createSimulatedClock(1_700_000_000_000);
  readonly log = createMemoryLog();
  readonly fences = createMemoryLog({ keepOnlyLast: true });
  readonly snapshots = createMemorySnapshots(() => undefined);
  readonly network = createMemoryNetwork({ clock: this.clock });
  readonly client = this.network.connect();
  /** What schedulers complained of. */
  readonly errors: unknown[] = [];
  readonly assignments: Assignment[] = [];
  readonly running: RunningScheduler[] = [];
  #lastId = 0;

  constructor(t: TestContext) {
    this.client.subscribe(subjects.allAssignments, ({ data }) => void this.assignments.push(decodeJson(data)));
    t.after(async () => {
      for (const scheduler of this.running) scheduler.stop();
      await this.clock.advance(0);
    });
  }

  /** Starts one and gives it the time to lead, where nobody else does. */
  async start(id: string): Promise<RunningScheduler> {
    const { clock, snapshots } = this;
    const [bus, log, fence] = [this.network.connect(), this.log.open(), this.fences.open()];
    const states: string[] = [];
    const ids = () => `${id}-${++this.#lastId}`;
    const onError = (error: unknown) => void this.errors.push(error);
    const { stallable, stall } = stallableBus(bus);
    const deps = { id, bus: stallable, log, fence, snapshots, clock, ids, random: () => 0.5, onError };
    const scheduler = startScheduler(deps, (state) => void states.push(state));
    const connect = (connected: boolean) => {
      for (const handle of [log, fence]) handle.setConnected(connected);
      if (connected) bus.reconnect();
      else bus.disconnect();
    };
    const running = {
      ...{ bus, log, states, stall, ended: scheduler.ended, stop: scheduler.stop },
      get state() {
        return scheduler.state;
      },
      ...{ isolate: () => connect(false), reconnect: () => connect(true) },
    };
    this.running.push(running);
    await clock.advance(0);
    return running;
  }

  async command(body: CommandBody, id = `c-${++this.#lastId}`): Promise<CommandReply> {
    return this.ask(subjects.clusterCommands, { ...body, id, by: 'me@here' });
  }

  async join(machine: string, changes: Partial<MachineFacts> = {}): Promise<CommandReply> {
    return this.command({ type: 'JoinMachine', ...machineFacts(machine, changes) });
  }

  query<Q extends Query>(query: Q, { onlyLeader = false } = {}): Promise<QueryReply<Q['type']>> {
    return this.ask(onlyLeader ? subjects.leaderQueries : subjects.queries, query);
  }

  beat(machine: string, heartbeat: Partial<Heartbeat> = {}): Promise<HeartbeatReply> {
    return this.ask(subjects.heartbeat(machine), {
      session: `${machine}-1`,
      assignment: 0,
      digest: '811c9dc5',
      ...heartbeat,
    });
  }

  /** Lets time pass while these machines send heartbeats. */
  async pass(ms: number, ...machines: string[]): Promise<void> {
    for (let left = ms; left > 0; left -= 500) {
      for (const machine of machines) void this.beat(machine).catch(() => undefined);
      await this.clock.advance(Math.min(left, 500));
    }
  }

  /** Of the log and the fence. */
  setLogsAvailable(available: boolean): void {
    for (const log of [this.log, this.fences]) log.setAvailable(available);
  }

  /** Everything on the log. */
  async commits(): Promise<Commit[]> {
    const done = new AbortController();
    const commits: Commit[] = [];
    const tail = this.log.open().tail({ fromSeq: 1, signal: done.signal, onIdle: () => done.abort() });
    for await (const record of tail) commits.push(decodeCommit(record.data));
    return commits;
  }

  async ask<T>(subject: string, question: unknown): Promise<T> {
    const reply = await this.client.request(subject, encodeJson(question), { timeoutMs: 10_000 });
    return decodeJson<T>(reply.data);
  }
}

function stallableBus(bus: Bus): { stallable: Bus; stall: (isStalled: boolean) => void } {
  let stalled = false;
  const stallable: Bus = {
    ...bus,
    get connected() {
      return bus.connected;
    },
    publish: (subject, data) => {
      if (!stalled) bus.publish(subject, data);
    },
    subscribe: (subject, handler, options) =>
      bus.subscribe(subject, (message) => !stalled && handler(message), options),
  };
  return {
    stallable,
    stall: (isStalled) => {
      stalled = isStalled;
    },
  };
}
