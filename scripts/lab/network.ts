/**
 * The hosts of a lab: one network namespace each, with one link to a bridge that stands in a namespace of its own. The
 * machine's own network is not touched. The addresses are private ones, and exist only in there.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../../shared/embedded/runCommand.ts';
import { type LabRecord, namespaceName, namespacePath } from './labRecord.ts';

/** The host from which the lab is run; no fault strikes it. */
export const operator = 'op';
const hub = 'hub';
const bridge = 'lab';
const subnet = '10.231.0';
const timeoutMs = 30_000;
const relayProgram = fileURLToPath(new URL('relay.pl', import.meta.url));

/** Which way a host's link is cut: what it sends, what it would receive, or all of it. */
export type Direction = 'out' | 'in' | 'both';

/** What a slow link does to what its host sends. */
export interface SlowLink {
  delayMs: number;
  /** The delay is `delayMs` more or less this, evenly spread. Packets keep their order. */
  jitterMs: number;
  lossPercent: number;
}

export class Network {
  readonly #lab: LabRecord;
  readonly #addresses = new Map<string, string>();
  readonly #relays = new Map<string, () => Promise<void>>();

  private constructor(lab: LabRecord) {
    this.#lab = lab;
  }

  /** Links the operator and these hosts. */
  static async create(lab: LabRecord, hosts: readonly string[]): Promise<Network> {
    const network = new Network(lab);
    await ip('netns', 'add', namespaceName(lab, hub));
    await network.#inHub('link', 'add', bridge, 'type', 'bridge');
    await network.#inHub('link', 'set', bridge, 'up');
    for (const [index, host] of [operator, ...hosts].entries()) await network.#join(host, `${subnet}.${index + 1}`);
    return network;
  }

  addressOf(host: string): string {
    const address = this.#addresses.get(host);
    if (address === undefined) throw new RangeError(`the lab has no host ${host}`);
    return address;
  }

  /** A command line that runs this one on a host. The mounts stay, unlike with `ip netns exec`, which hides cgroups. */
  on(host: string, ...command: string[]): string[] {
    return ['nsenter', `--net=${namespacePath(this.#lab, host)}`, ...command];
  }

  /** Nothing gets through any more, and nobody is told. */
  async cut(host: string, direction: Direction = 'both'): Promise<void> {
    if (direction !== 'out') await this.#filter(host, '-A', 'LAB-IN', '-i', 'eth0', '-j', 'DROP');
    if (direction !== 'in') await this.#filter(host, '-A', 'LAB-OUT', '-o', 'eth0', '-j', 'DROP');
  }

  /** The hosts of one side and all others no longer hear each other. */
  async separate(side: readonly string[], others: readonly string[]): Promise<void> {
    for (const host of side) {
      const far = others.map((other) => this.addressOf(other)).join(',');
      await this.#filter(host, '-A', 'LAB-IN', '-s', far, '-j', 'DROP');
      await this.#filter(host, '-A', 'LAB-OUT', '-d', far, '-j', 'DROP');
    }
  }

  /** Ends what {@link cut} and {@link separate} did to a host. */
  async heal(host: string): Promise<void> {
    for (const chain of ['LAB-IN', 'LAB-OUT']) await this.#filter(host, '-F', chain);
  }

  /**
   * Puts a relay into a host's link that delays and loses what the host sends. It does what tc-netem(8) does, which not
   * every kernel has.
   */
  async slow(host: string, { delayMs, jitterMs, lossPercent }: SlowLink): Promise<void> {
    const [near, far, own] = [`a-${host}`, `b-${host}`, `s-${host}`];
    const settings = [near, far, delayMs, jitterMs, lossPercent].map(String);
    const [program = '', ...args] = this.on(hub, 'perl', relayProgram, ...settings);
    const relay = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    await Promise.race([once(relay.stdout, 'data'), failure(relay)]);
    await this.#inHub('link', 'add', own, 'type', 'bridge');
    await this.#inHub('link', 'set', own, 'up');
    await this.#attach(near, own);
    await this.#attach(far, bridge);
    await this.#attach(`p-${host}`, own);
    this.#relays.set(host, async () => {
      await this.#attach(`p-${host}`, bridge);
      const ended = once(relay, 'exit');
      relay.kill('SIGKILL');
      await ended;
      await this.#inHub('link', 'delete', own);
    });
  }

  /** Ends what {@link slow} did. */
  async quicken(host: string): Promise<void> {
    const end = this.#relays.get(host);
    this.#relays.delete(host);
    await end?.();
  }

  async #join(host: string, address: string): Promise<void> {
    const name = namespaceName(this.#lab, host);
    if (host !== operator) await ip('netns', 'add', name);
    await ip('-n', name, 'link', 'set', 'lo', 'up');
    await this.#inHub('link', 'add', `p-${host}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    await this.#attach(`p-${host}`, bridge);
    await ip('-n', name, 'address', 'add', `${address}/24`, 'dev', 'eth0');
    await ip('-n', name, 'link', 'set', 'eth0', 'up');
    this.#addresses.set(host, address);
    for (const [chain, own] of [
      ['INPUT', 'LAB-IN'],
      ['OUTPUT', 'LAB-OUT'],
    ] as const) {
      await this.#filter(host, '-N', own);
      await this.#filter(host, '-I', chain, '-j', own);
    }
  }

  async #attach(link: string, to: string): Promise<void> {
    await this.#inHub('link', 'set', link, 'master', to);
    await this.#inHub('link', 'set', link, 'up');
  }

  #inHub(...args: string[]): Promise<string> {
    return ip('-n', namespaceName(this.#lab, hub), ...args);
  }

  #filter(host: string, ...args: string[]): Promise<string> {
    const [program = '', ...command] = this.on(host, 'iptables', '--wait', ...args);
    return runCommand(program, command, { timeoutMs });
  }
}

function ip(...args: string[]): Promise<string> {
  return runCommand('ip', args, { timeoutMs });
}

async function failure(relay: ReturnType<typeof spawn>): Promise<never> {
  const [code] = await once(relay, 'exit');
  throw new Error(`the relay of a slow link ended with code ${code}`);
}
