import { NoLeaderError } from '../../shared/bus/askPatiently.ts';
import { BusClosedError } from '../../shared/bus/bus.ts';
import type { KvClient } from '../../shared/bus/kvClient.ts';
import { delay } from '../../shared/clock/clock.ts';

export interface StoreEndpointOptions {
  client: KvClient;
  signal: AbortSignal;
  /** What an earlier agent was told last. */
  known: string | null;
  /** What there is to remember for the next start has changed. */
  onChange: (endpoint: string) => void;
  onError: (error: unknown) => void;
}

const refreshMs = 30_000;
const retryMs = 1_000;

/**
 * Where units reach the key/value store (`host:port`), as its members say or said last; null until one has. Units do not
 * wait for it. It is asked again and again, for stores come and go.
 */
export function followStoreEndpoint(options: StoreEndpointOptions): () => string | null {
  const { client, signal, onChange, onError } = options;
  let { known } = options;
  const follow = async () => {
    while (!signal.aborted) {
      const told = await askEndpoint(client, signal);
      if (told !== null && told !== known) onChange(told);
      known = told ?? known;
      await delay(client.parts.clock, told === null ? retryMs : refreshMs, signal);
    }
  };
  follow().catch((error) => {
    if (!signal.aborted) onError(error);
  });
  return () => known;
}

async function askEndpoint(client: KvClient, signal: AbortSignal): Promise<string | null> {
  try {
    const answer = await client.members(signal);
    const urls = answer.ok ? answer.response.members.flatMap(({ clientUrls }) => clientUrls) : [];
    return endpointOf(urls);
  } catch (error) {
    if (error instanceof NoLeaderError || error instanceof BusClosedError) return null;
    throw error;
  }
}

/**
 * The one of the stores' URLs that units are told, without the scheme: not every client of etcd understands one. A loopback
 * address is another one on each machine; where all are that, one of the stores may be on this one.
 */
export function endpointOf(urls: readonly string[]): string | null {
  const endpoints = urls.map((url) => url.replace(/^[a-z]+:\/\//, '').replace(/\/.*$/, ''));
  return endpoints.find((endpoint) => !/^(127\.|localhost:|\[::1\])/.test(endpoint)) ?? endpoints[0] ?? null;
}
