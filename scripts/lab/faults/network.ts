/** Faults of links. */
import type { Lab } from '../lab.ts';
import type { Direction } from '../network.ts';
import { type Fault, longTime, pickOne, type Weather } from './fault.ts';

const slowLink = { delayMs: 200, jitterMs: 100, lossPercent: 1 };
const slowly = 'slow and lossy (200 ms ± 100 ms, 1 %)';

function cut(name: string, direction: Direction): Fault {
  return {
    name,
    aim: (lab, random) => {
      const machine = pickOne(random, lab.machines);
      return {
        what: machine.host,
        machines: [machine.id],
        leases: false,
        holdMs: longTime(random),
        begin: () => lab.network.cut(machine.host, direction),
        heal: () => lab.network.heal(machine.host),
      };
    },
  };
}

/** The control plane has to go on with what is left, and nothing happens to any machine. */
const cutService: Fault = {
  name: 'a host of NATS or of a scheduler is cut off',
  aim: (lab, random) => {
    const host = pickOne(random, [
      ...lab.nats.map(({ service }) => service.host),
      ...lab.schedulers.map((s) => s.host),
    ]);
    return {
      what: host,
      machines: [],
      leases: true,
      holdMs: longTime(random),
      begin: () => lab.network.cut(host),
      heal: () => lab.network.heal(host),
    };
  },
};

const halves: Fault = {
  name: 'the network falls into two halves',
  aim: (lab, random) => {
    const all = lab.hosts.map(({ name }) => name);
    // Nobody's half is no half.
    const here = pickOne(random, all);
    const there = pickOne(
      random,
      all.filter((host) => host !== here),
    );
    const side = all.filter((host) => host === here || (host !== there && random.chance(0.5)));
    const others = all.filter((host) => !side.includes(host));
    return {
      what: `${side.join(' ')} | ${others.join(' ')}`,
      machines: mayBeLost(lab, side, others),
      leases: true,
      holdMs: longTime(random),
      begin: () => lab.network.separate(side, others),
      heal: async () => {
        for (const host of side) await lab.network.heal(host);
      },
    };
  },
};

/** Machines that are not with the half that can still decide. Where none can, no machine may be lost. */
function mayBeLost({ nats, schedulers, machines }: Lab, ...sides: string[][]): string[] {
  const decides = (side: string[]) =>
    nats.filter(({ service }) => side.includes(service.host)).length > nats.length / 2 &&
    schedulers.some(({ host }) => side.includes(host));
  const whole = sides.find(decides);
  return whole === undefined ? [] : machines.filter(({ host }) => !whole.includes(host)).map(({ id }) => id);
}

/** A slow link is no dead machine. */
const slow: Fault = {
  name: `links become ${slowly}`,
  aim: (lab, random) => {
    const hosts = lab.hosts.map(({ name }) => name).filter(() => random.chance(0.4));
    return {
      what: hosts.join(' ') || 'none',
      machines: [],
      leases: true,
      holdMs: longTime(random),
      begin: async () => {
        for (const host of hosts) await lab.network.slow(host, slowLink);
      },
      heal: async () => {
        for (const host of hosts) await lab.network.quicken(host);
      },
    };
  },
};

export const networkFaults: readonly Fault[] = [
  cut('a machine is cut off', 'both'),
  cut('a machine is not heard any more', 'out'),
  cut('a machine hears nothing any more', 'in'),
  cutService,
  halves,
  slow,
];

/** All links are slow. */
export function slowWeather({ hosts, network }: Lab): Weather {
  return {
    name: `all links become ${slowly}`,
    begin: async () => {
      for (const { name } of hosts) await network.slow(name, slowLink);
    },
    end: async () => {
      for (const { name } of hosts) await network.quicken(name);
    },
  };
}
