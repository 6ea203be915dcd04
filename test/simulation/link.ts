/** The connection that one life of an actor has to everything: bus, logs, snapshots. */
import type { Bus } from '../../shared/bus/bus.ts';
import type { MemoryNetwork } from '../../shared/bus/memoryBus.ts';
import type { Clock } from '../../shared/clock/clock.ts';
import type { EventLog } from '../../shared/log/eventLog.ts';
import type { MemoryLog } from '../../shared/log/memoryLog.ts';
import { type SnapshotStore, SnapshotStoreError } from '../../shared/log/snapshots.ts';
import type { Situation } from './coverage.ts';
import { createDistantLog, type DistantLog, type DistantLogOptions } from './distantLog.ts';
import type { Life } from './life.ts';
import { logParty, type Roads } from './roads.ts';

/** What all actors are connected to. */
export interface Hub {
  /** True time. */
  clock: Clock;
  roads: Roads;
  network: MemoryNetwork;
  snapshots: SnapshotStore;
  note: (what: Situation) => void;
}

export interface Link {
  readonly bus: Bus;
  readonly snapshots: SnapshotStore;
  open(log: MemoryLog): EventLog;
  setConnected(connected: boolean): void;
  /** Its process is dead: the servers notice. */
  drop(): void;
}

export function createLink(
  hub: Hub,
  { name, life, ...watching }: { name: string; life: Life } & Pick<DistantLogOptions, 'fate' | 'onAppend'>,
): Link {
  const { clock, roads, network } = hub;
  const bus = network.connect(name);
  const logs: DistantLog[] = [];
  let connected = true;
  const isThere = () => connected && roads.reaches(name, logParty) && roads.reaches(logParty, name);
  return {
    bus: livingBus(bus, life),
    snapshots: livingSnapshots(hub.snapshots, life, isThere),
    open: (log) => {
      const opened = createDistantLog({ name, life, clock, roads, log: log.open(), note: hub.note, ...watching });
      opened.setConnected(connected);
      logs.push(opened);
      return opened;
    },
    setConnected: (now) => {
      connected = now;
      for (const log of logs) log.setConnected(now);
      if (now) bus.reconnect();
      else bus.disconnect();
    },
    drop: () => bus.disconnect(),
  };
}

function livingBus(bus: Bus, life: Life): Bus {
  return {
    publish: (subject, data) => {
      if (!life.isOver) bus.publish(subject, data);
    },
    subscribe: (subject, handler, options) =>
      bus.subscribe(subject, (message) => life.run(() => handler(message)), options),
    request: (subject, data, options) => life.settle(bus.request(subject, data, options)),
    createInbox: () => bus.createInbox(),
    get connected() {
      return bus.connected;
    },
    onConnectionChange: (listener) => bus.onConnectionChange((connected) => life.run(() => listener(connected))),
    maxPayload: bus.maxPayload,
    close: () => bus.close(),
  };
}

function livingSnapshots(snapshots: SnapshotStore, life: Life, isThere: () => boolean): SnapshotStore {
  return {
    save: async (name, meta, parts) => {
      if (!isThere()) throw new SnapshotStoreError('the snapshots are out of reach');
      await life.settle(snapshots.save(name, meta, parts));
    },
    latest: async (name) => (isThere() ? life.settle(snapshots.latest(name)) : null),
  };
}
