import { KVService, type WatchResponse, WatchService } from '../services/kv/etcd/messages.ts';
import { besideEtcd, onPair, type Side } from './support/kvPair.ts';
import type { Row } from './support/report.ts';
import { median, percentile, timed } from './support/stats.ts';

const key = '/bench/watch';
const streams = 10;

/** One key with a thousand watchers: how long until the last of them knows of a change. */
export function run({ quick }: { quick: boolean }): Promise<Row[]> {
  const watchers = quick ? 100 : 1_000;
  const puts = quick ? 20 : 100;
  return onPair(async ({ flotilla, etcd }) => {
    const [ours, theirs] = [await fanOut(flotilla, watchers, puts), await fanOut(etcd, watchers, puts)];
    const row = (p: number) =>
      besideEtcd(`change until ${watchers.toLocaleString('en-US')} watchers know it: p${100 * p}`, 'ms', {
        flotilla: percentile(ours, p),
        etcd: percentile(theirs, p),
      });
    const rate = (times: number[]) => (1000 * watchers) / median(times);
    const delivered = besideEtcd('events to watchers', '/s', { flotilla: rate(ours), etcd: rate(theirs) });
    return [row(0.5), row(0.99), delivered];
  });
}

/** Times of the changes, ms. */
async function fanOut({ client }: Side, watchers: number, puts: number): Promise<number[]> {
  let [created, events, wanted] = [0, 0, 0];
  let reached = () => {};
  const hear = (response: WatchResponse) => {
    if (response.created) created++;
    events += response.events.length;
    if (created === watchers && events === wanted) reached();
  };
  const open = Array.from({ length: streams }, () => client.stream(WatchService.Watch));
  const begin = new Promise<void>((resolve) => {
    reached = resolve;
  });
  for (const [index, stream] of open.entries()) {
    // Cancelled at the end.
    stream.on('error', () => undefined);
    stream.on('data', hear);
    for (let n = index; n < watchers; n += streams) stream.write({ createRequest: { key } });
  }
  await begin;
  const times: number[] = [];
  for (let n = 0; n < puts; n++) {
    [events, wanted] = [0, watchers];
    const all = new Promise<void>((resolve) => {
      reached = resolve;
    });
    times.push(
      await timed(async () => {
        await client.call(KVService.Put, { key, value: String(n) });
        await all;
      }),
    );
  }
  for (const stream of open) stream.cancel();
  return times;
}
