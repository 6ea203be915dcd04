/** Key/value stores on the twins of everything around them, in simulated time. */
import type { TestContext } from 'node:test';
import { memberId } from '../../services/kv/identity.ts';
import { startKv } from '../../services/kv/kvActor.ts';
import type { KvService } from '../../services/kv/kvService.ts';
import { createMemoryNetwork, type MemoryBus } from '../../shared/bus/memoryBus.ts';
import { createSimulatedClock } from '../../shared/clock/simulatedClock.ts';
import type { KvCommand, KvEvent, KvResult, RangeRequest, RangeResponse } from '../../shared/domain/kv.ts';
import type { EventLog } from '../../shared/log/eventLog.ts';
import { createMemoryLog, type MemoryLogHandle } from '../../shared/log/memoryLog.ts';
import { createMemorySnapshots } from '../../shared/log/memorySnapshots.ts';
import type { Replica } from '../../shared/log/replicaActor.ts';
import { type Commit, decodeCommit } from '../../shared/protocol/commit.ts';

export interface RunningStore extends Replica {
  readonly name: string;
  readonly bus: MemoryBus;
  readonly log: MemoryLogHandle;
  readonly states: string[];
  /** Once it is up to date. */
  readonly service: KvService;
  /** Cuts it off from everything, as a crash of its machine would. */
  isolate(): void;
  reconnect(): void;
}

/** Longer than an election takes. */
export const electionMs = 2_500;

export interface MemoryStoresOptions {
  quotaBytes?: number;
  keepRevisions?: number;
  commandsPerSnapshot?: number;
  /** What stands between the stores and their log, and their fence. */
  wrapLog?: (log: EventLog) => EventLog;
  wrapFence?: (fence: EventLog) => EventLog;
}

export class MemoryStores {
  readonly clock = createSimulatedClock(1_700_000_000_000);
  readonly log = createMemoryLog();
  readonly fences = createMemoryLog({ keepOnlyLast: true });
  readonly snapshots = createMemorySnapshots(() => undefined);
  readonly network = createMemoryNetwork({ clock: this.clock });
  readonly errors: unknown[] = [];
  readonly #options: MemoryStoresOptions;
  readonly #running: RunningStore[] = [];
  #lastId = 0;
  #lastLease = 1_000;

  constructor(t: TestContext, options: MemoryStoresOptions = {}) {
    this.#options = options;
    t.after(async () => {
      for (const store of this.#running) store.stop();
      await this.clock.advance(0);
    });
  }

  /** Starts one and gives it the time to lead, where nobody else does. */
  async start(name: string): Promise<RunningStore> {
    const { clock, snapshots } = this;
    const {
      quotaBytes = 1 << 30,
      keepRevisions = 0,
      commandsPerSnapshot = 50_000,
      wrapLog = asItIs,
      wrapFence = asItIs,
    } = this.#options;
    const [bus, log, fence] = [this.network.connect(), this.log.open(), this.fences.open()];
    const states: string[] = [];
    let service: KvService | null = null;
    const replica = startKv(
      {
        self: { id: memberId(name), name, clientUrls: [`http://${name}:2379`] },
        ...{
          bus,
          log: wrapLog(log),
          fence: wrapFence(fence),
          snapshots,
          clock,
          quotaBytes,
          keepRevisions,
          commandsPerSnapshot,
          retention: this.log,
        },
        random: () => 0.5,
        ids: () => `${name}-${++this.#lastId}`,
        newLease: () => String(++this.#lastLease),
        serve: (given) => {
          service = given;
          return () => undefined;
        },
        onError: (error) => void this.errors.push(error),
      },
      (state) => void states.push(state),
    );
    const connect = (connected: boolean) => {
      for (const handle of [log, fence]) handle.setConnected(connected);
      if (connected) bus.reconnect();
      else bus.disconnect();
    };
    const running: RunningStore = {
      ...{ name, bus, log, states, ended: replica.ended, stop: replica.stop },
      get state() {
        return replica.state;
      },
      get service() {
        if (!service) throw new Error(`${name} does not serve yet`);
        return service;
      },
      ...{ isolate: () => connect(false), reconnect: () => connect(true) },
    };
    this.#running.push(running);
    await clock.advance(0);
    return running;
  }

  /** Lets time pass until it is there. */
  async resolve<T>(promise: Promise<T>, stepMs = 50): Promise<T> {
    let done = false;
    const settled = promise.finally(() => {
      done = true;
    });
    settled.catch(() => undefined);
    await this.clock.advance(0);
    for (let step = 0; !done && step < 1_000; step++) await this.clock.advance(stepMs);
    return settled;
  }

  execute(store: RunningStore, command: KvCommand, id?: string): Promise<KvResult> {
    return this.resolve(store.service.execute(command, id === undefined ? {} : { id }));
  }

  put(store: RunningStore, key: string, value: string): Promise<KvResult> {
    return this.execute(store, { type: 'Put', key, value });
  }

  /** A linearizable read. */
  async range(store: RunningStore, request: RangeRequest): Promise<RangeResponse> {
    const error = await this.resolve(store.service.readBarrier());
    if (error) throw new Error(error.code);
    const answer = store.service.store.range(request);
    if ('code' in answer) throw new Error(answer.code);
    return answer;
  }

  async get(store: RunningStore, key: string): Promise<string | undefined> {
    return (await this.range(store, { key })).kvs[0]?.value;
  }

  /** Everything on the log. */
  async commits(): Promise<Commit<KvEvent>[]> {
    const done = new AbortController();
    const commits: Commit<KvEvent>[] = [];
    const tail = this.log.open().tail({ fromSeq: 1, signal: done.signal, onIdle: () => done.abort() });
    for await (const record of tail) commits.push(decodeCommit<KvEvent>(record.data));
    return commits;
  }
}

function asItIs(log: EventLog): EventLog {
  return log;
}
