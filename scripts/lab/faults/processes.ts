/** Faults of processes: kill -9, and SIGSTOP with SIGCONT later. */
import type { Random } from '../../../test/linearizability/record/random.ts';
import { bootHost, crashHost, type Lab, type Machine } from '../lab.ts';
import type { Service } from '../service.ts';
import { type Fault, longTime, pickOne, type Strike, shortTime } from './fault.ts';
import { leaderOf, streamLeader } from './leaders.ts';

type Choose = (lab: Lab, random: Random) => Promise<Service[]> | Service[];

/** The services of the control plane, which no unit needs in order to run. */
const choices: Record<string, Choose> = {
  'the leading scheduler': async ({ schedulers }) => [await leaderOf(schedulers)],
  'all schedulers': ({ schedulers }) => [...schedulers],
  'the leading store': async ({ stores }) => [await leaderOf(stores)],
  'a nats-server': ({ nats }, random) => [pickOne(random, nats).service],
  'the nats-server that leads the log': async (lab) => [(await streamLeader(lab)).service],
  'most nats-servers': ({ nats }) => nats.slice(1).map(({ service }) => service),
};

function killed(name: string, choose: Choose): Fault {
  return {
    name: `kill -9 of ${name}`,
    aim: async (lab, random) => {
      const services = await choose(lab, random);
      return {
        ...controlPlane(services),
        holdMs: random.chance(0.5) ? shortTime(random) : longTime(random),
        begin: () => each(services, (service) => service.kill()),
        heal: () => each(services, (service) => service.start()),
      };
    },
  };
}

function paused(name: string, choose: Choose): Fault {
  return {
    name: `SIGSTOP of ${name}`,
    aim: async (lab, random) => {
      const services = await choose(lab, random);
      return {
        ...controlPlane(services),
        holdMs: longTime(random),
        begin: () => each(services, async (service) => service.pause()),
        heal: () => each(services, async (service) => service.resume()),
      };
    },
  };
}

function controlPlane(services: readonly Service[]): Pick<Strike, 'what' | 'machines' | 'leases'> {
  return { what: services.map(({ name }) => name).join(', '), machines: [], leases: true };
}

/** Only for a moment: the machine is not missed, and its units go on. */
const agentRestarted = ofMachine('kill -9 of a node, back at once', (random) => 200 + random.integer(300), {
  spared: true,
  begin: ({ node }) => node.kill(),
  heal: ({ node }) => node.start(),
});

const agentKilled = ofMachine('kill -9 of a node, back later', longTime, {
  begin: ({ node }) => node.kill(),
  heal: ({ node }) => node.start(),
});

const agentPaused = ofMachine('SIGSTOP of a node', longTime, {
  begin: async ({ node }) => node.pause(),
  heal: async ({ node }) => node.resume(),
});

/** Its containers end with it, at the latest when it is back. */
const engineKilled = ofMachine('kill -9 of dockerd', shortTime, {
  begin: ({ engine }) => engine.service.kill(),
  heal: ({ engine }) => engine.start(),
});

/** A machine that dies with all that runs on it, and boots again. */
const machineDied = ofMachine('power loss of a machine', longTime, {
  begin: ({ host }, lab) => crashHost(lab, host),
  heal: ({ host }, lab) => bootHost(lab, host),
});

interface MachineFault {
  /** Nothing may happen to its units. */
  spared?: boolean;
  begin: (machine: Machine, lab: Lab) => Promise<void>;
  heal: (machine: Machine, lab: Lab) => Promise<void>;
}

function ofMachine(name: string, holdMs: (random: Random) => number, fault: MachineFault): Fault {
  return {
    name,
    aim: (lab, random) => {
      const machine = pickOne(random, lab.machines);
      return {
        what: machine.host,
        machines: fault.spared ? [] : [machine.id],
        restarted: fault.spared ? [machine.id] : [],
        leases: false,
        holdMs: holdMs(random),
        begin: () => fault.begin(machine, lab),
        heal: () => fault.heal(machine, lab),
      };
    },
  };
}

async function each(services: readonly Service[], act: (service: Service) => Promise<void>): Promise<void> {
  await Promise.all(services.map(act));
}

export const processFaults: readonly Fault[] = [
  ...Object.entries(choices).flatMap(([name, choose]) => [killed(name, choose), paused(name, choose)]),
  agentRestarted,
  agentKilled,
  agentPaused,
  engineKilled,
  machineDied,
];

/** One server at a time, in good order and otherwise. */
export const restartsOfNats: readonly Fault[] = [
  killed('a nats-server', ({ nats }, random) => [pickOne(random, nats).service]),
  {
    name: 'restart of a nats-server',
    aim: (lab, random) => {
      const { service } = pickOne(random, lab.nats);
      return { ...controlPlane([service]), holdMs: 0, begin: () => service.stop(), heal: () => service.start() };
    },
  },
];
