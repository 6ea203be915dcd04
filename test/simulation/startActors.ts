/** The processes of a cluster, put together as their `main.ts` do, but of twins. */
import { memberId } from '../../services/kv/identity.ts';
import { startKv } from '../../services/kv/kvActor.ts';
import type { KvService } from '../../services/kv/kvService.ts';
import { LeaseKeeper } from '../../services/node/leaseKeeper.ts';
import { startNode } from '../../services/node/nodeActor.ts';
import { createNodeStore } from '../../services/node/nodeStore.ts';
import { createReporter } from '../../services/node/reporter.ts';
import { createFakeRuntime } from '../../services/node/runtime/fake.ts';
import type { MainProcess, Runtime } from '../../services/node/runtime/runtime.ts';
import { UnitRegistry } from '../../services/node/unitRegistry.ts';
import { startScheduler } from '../../services/scheduler/schedulerActor.ts';
import type { Clock } from '../../shared/clock/clock.ts';
import type { MachineFacts } from '../../shared/domain/events.ts';
import type { MemoryLog } from '../../shared/log/memoryLog.ts';
import type { Replica } from '../../shared/log/replicaActor.ts';
import { createSubjectWriter } from '../../shared/log/subjectWriter.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import type { Random } from '../linearizability/record/random.ts';
import type { Birth } from './actor.ts';
import { type Life, never } from './life.ts';
import type { Machine } from './machine.ts';
import { memoryNodeDisk } from './memoryNodeDisk.ts';

export interface Logs {
  cluster: MemoryLog;
  kv: MemoryLog;
  fences: MemoryLog;
  assignments: MemoryLog;
}

export interface Surroundings {
  logs: Logs;
  snapshotEvery: number | undefined;
  random: Random;
  onError: (actor: string, error: unknown) => void;
}

const drawn = (random: Random) => () => random.integer(1_000) / 1_000;

export function beginScheduler(birth: Birth, surroundings: Surroundings): Promise<unknown> {
  const { logs, random, onError, snapshotEvery } = surroundings;
  const { name, number, clock, link, ids } = birth;
  const replica = startScheduler({
    id: `${name}.${number}`,
    ...(snapshotEvery === undefined ? {} : { sequencesPerSnapshot: snapshotEvery }),
    ...{ bus: link.bus, log: link.open(logs.cluster), fence: link.open(logs.fences), snapshots: link.snapshots },
    ...{ clock, ids, random: drawn(random), onError: (error) => onError(name, error) },
  });
  return endOf(replica, name, onError);
}

/** A process whose replica fails says why, and ends. */
async function endOf(replica: Replica, name: string, onError: Surroundings['onError']): Promise<void> {
  const error = await replica.ended;
  if (error) onError(name, error);
}

export interface ServingStore {
  service: KvService;
  ended: Promise<unknown>;
}

export function beginStore(
  birth: Birth,
  { logs, random, onError }: Surroundings,
  onServe: (serving: ServingStore | null) => void,
): Promise<unknown> {
  const { name, clock, link, ids } = birth;
  let lastLease = 0;
  const replica: Replica = startKv({
    self: { id: memberId(name), name, clientUrls: [`http://${name}:2379`] },
    ...{ bus: link.bus, log: link.open(logs.kv), fence: link.open(logs.fences), snapshots: link.snapshots },
    ...{ clock, ids, random: drawn(random), onError: (error) => onError(name, error) },
    ...{ quotaBytes: 1 << 30, keepRevisions: 0, commandsPerSnapshot: 200, retention: logs.kv },
    newLease: () => String(birth.number * 1_000 + ++lastLease),
    serve: (service) => {
      onServe({ service, ended: replica.ended });
      return () => onServe(null);
    },
  });
  return endOf(replica, name, onError);
}

/** Why a machine leaves that is told to. */
export const sigterm = 'the node got SIGTERM';

export function beginNode(birth: Birth, { logs, onError }: Surroundings, machine: Machine): Promise<unknown> {
  const { name, number, life, clock, link, ids } = birth;
  const report = (error: unknown) => onError(name, error);
  const { id, bootId } = machine;
  const facts: MachineFacts = {
    ...{ machine: id, session: `${name}.${number}`, nodeKey: `${id}-key`, bootId, ip: '10.0.0.1', hostname: id },
    ...{ version: 'simulated', metadata: {}, capacity: { memoryBytes: 4 * 2 ** 30 }, runtimes: ['process', 'docker'] },
  };
  const signal = new AbortController().signal;
  const log = link.open(logs.cluster);
  const writer = createSubjectWriter({ log, subject: subjects.nodeLog(id), by: `node/${id}`, ids, clock, signal });
  const reporter = createReporter({ machine: id, log, writer, clock, signal, onError: report });
  const store = createNodeStore({ disk: memoryNodeDisk(machine.directory, clock), clock, onError: report });
  const leases = keepLeases(clock, machine);
  const registry = new UnitRegistry({
    leases,
    runtimes: {
      process: livingRuntime(createFakeRuntime(machine.processes, clock), life),
      docker: livingRuntime(createFakeRuntime(machine.engine, clock), life),
    },
    ...{ clock, facts: { hostname: id, machineId: id, bootId, kernelRelease: 'simulated' }, given: () => ({}) },
    onReport: (unit) => reporter.report(unit, `goal ${unit.goal}`),
    onForget: (unit, reason) => reporter.forget(unit, reason),
    onActive: () => undefined,
    onChange: () => store.save(() => registry.memory()),
    remembered: () => {
      store.save(() => registry.memory());
      return store.flush();
    },
    onError: report,
  });
  const assignments = link.open(logs.assignments);
  const { bus } = link;
  const node = startNode({ facts, bus, assignments, registry, leases, reporter, store, clock, ids, onError: report });
  birth.onHangUp(() => node.handOver());
  birth.onTerminate(() => node.stop(sigterm));
  return node.ended;
}

/** As `leases.ts` does: what is renewed is on the machine's disk before it has any effect, and its next agent goes on with it. */
function keepLeases(clock: Clock, machine: Machine): LeaseKeeper {
  const { directory, bootId } = machine;
  const left = directory.leases;
  return new LeaseKeeper({
    clock,
    ...(left?.bootId === bootId ? { renewedAt: left.renewedAt } : {}),
    onChange: ({ renewedAt, holders }) => {
      const units = [...holders].map(([unit, { hash, terms }]) => ({ unit, hash, ...terms }));
      machine.noteLapses(clock.monotonicNow());
      // What is there is overwritten in place, and takes no less room for being shorter.
      if (directory.isFull && units.length > directory.leaseRoom) throw new Error('no space left on device');
      directory.leaseRoom = units.length > 0 ? Math.max(directory.leaseRoom, units.length) : 0;
      directory.leases = units.length > 0 ? { bootId, renewedAt, units } : null;
    },
  });
}

/** A runtime whose answers only the living hear. */
function livingRuntime(runtime: Runtime, life: Life): Runtime {
  // Its last step may go on after its death, where an append of it was a trap.
  const alive = <T>(work: () => Promise<T>): Promise<T> => (life.isOver ? never() : life.settle(work()));
  const main = (process: MainProcess): MainProcess => ({
    ...(process.pid === undefined ? {} : { pid: process.pid }),
    token: process.token,
    exited: life.settle(process.exited),
    signal: (name, to) => alive(() => process.signal(name, to)),
  });
  return {
    kind: runtime.kind,
    unavailable: () => life.settle(runtime.unavailable()),
    start: async (request) => main(await alive(() => runtime.start(request))),
    run: (request, abort) => alive(() => runtime.run(request, abort)),
    adopt: async (unit) => {
      const found = await life.settle(runtime.adopt(unit));
      return found && main(found);
    },
    list: () => life.settle(runtime.list()),
    remove: (unit) => alive(() => runtime.remove(unit)),
    journal: (unit, options) => runtime.journal(unit, options),
  };
}
