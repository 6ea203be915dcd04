/** Who leads at this moment, so that a fault can strike just that one. */
import { readFile } from 'node:fs/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { streams } from '../../../shared/protocol/subjects.ts';
import type { Lab, NatsHost } from '../lab.ts';
import type { Service } from '../service.ts';

/** The one whose log says last that it leads; the first one when none does. */
export async function leaderOf(services: readonly Service[]): Promise<Service> {
  const leads = await Promise.all(services.map(saysItLeads));
  const leader = services.find((_, index) => leads[index]) ?? services[0];
  if (leader === undefined) throw new RangeError('there is no service that could lead');
  return leader;
}

async function saysItLeads({ logFile, runs }: Service): Promise<boolean> {
  const states = (await readFile(logFile, 'utf8')).match(/"msg":"(?:scheduler|store) (\w+)"/g);
  return runs && (states?.at(-1)?.endsWith(' leading"') ?? false);
}

/** The NATS server that leads a stream, that of the log unless another is named; the first one when JetStream has none just now. */
export async function streamLeader({ link, nats }: Lab, stream: string = streams.log): Promise<NatsHost> {
  const leader = await askLeader(link, stream);
  const host = nats.find(({ service }) => service.host === leader) ?? nats[0];
  if (host === undefined) throw new RangeError('the lab has no NATS server');
  return host;
}

async function askLeader({ nc }: Lab['link'], stream: string): Promise<string | undefined> {
  try {
    const manager = await jetstreamManager(nc, { checkAPI: false, timeout: 2_000 });
    return (await manager.streams.info(stream)).cluster?.leader;
  } catch {
    // An election may be under way.
    return undefined;
  }
}
