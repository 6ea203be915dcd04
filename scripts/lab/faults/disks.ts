/** Faults of disks: one that is full, and power cuts that lose what was not synced. */
import type { Lab, NatsHost } from '../lab.ts';
import { type Fault, longTime, pickOne, shortTime } from './fault.ts';

const natsDiskFull: Fault = {
  name: 'the disk of a nats-server is full',
  aim: ({ nats }, random) => {
    const { disk, service } = pickOne(random, nats);
    return {
      what: service.name,
      machines: [],
      leases: true,
      holdMs: longTime(random),
      begin: () => disk.fill(),
      // A server that could not write has given its JetStream up: somebody makes room, and starts it again.
      heal: async () => {
        await disk.empty();
        await service.stop();
        await service.start();
      },
    };
  },
};

const nodeDiskFull: Fault = {
  name: 'the disk of a node is full',
  aim: ({ machines }, random) => {
    const machine = pickOne(random, machines);
    return {
      what: machine.host,
      machines: [],
      // A lease that cannot be written down is none.
      leases: true,
      holdMs: longTime(random),
      begin: () => machine.disk.fill(),
      heal: () => machine.disk.empty(),
    };
  },
};

function powerLoss(
  name: string,
  choose: (lab: Lab, pick: (hosts: readonly NatsHost[]) => NatsHost) => readonly NatsHost[],
): Fault {
  return {
    name,
    aim: (lab, random) => {
      const hosts = choose(lab, (all) => pickOne(random, all));
      return {
        what: hosts.map(({ service }) => service.name).join(', '),
        machines: [],
        leases: true,
        holdMs: shortTime(random),
        begin: async () => {
          // Stopped first: what it has not synced at that moment is lost.
          for (const { service } of hosts) service.pause();
          await Promise.all(hosts.map(({ disk }) => disk.losePower()));
          await Promise.all(hosts.map(({ service }) => service.kill()));
        },
        heal: async () => {
          for (const { disk, service } of hosts) {
            await disk.unmount();
            await disk.mount();
            await service.start();
          }
        },
      };
    },
  };
}

export const diskFaults: readonly Fault[] = [
  natsDiskFull,
  nodeDiskFull,
  powerLoss('power loss of a nats-server', ({ nats }, pick) => [pick(nats)]),
  powerLoss('power loss of all nats-servers at once', ({ nats }) => nats),
];
