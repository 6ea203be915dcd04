/** Clients that want one lock, hold it for a moment and give it back, or die with it. */
import type { LockInput, LockOutput } from '../models/lock.ts';
import type { Answer, LockClient } from './kvClient.ts';
import type { Random } from './random.ts';
import type { Recorder } from './recorder.ts';

export interface LockOptions {
  name: string;
  process: number;
  clients: readonly [LockClient, ...LockClient[]];
  recorder: Recorder<LockInput, LockOutput>;
  now: () => number;
  random: Random;
  signal: AbortSignal;
  pause: () => Promise<void>;
}

/** Short, so that a holder that dies is no pause for the others; longer than the stores' own election. */
const ttlS = 3;
/** Of the holders, how many die with it. */
const shareOfDeaths = 0.1;

/** One contender, whose every try has a lease of its own. */
export async function contend(options: LockOptions): Promise<void> {
  const { recorder, random, clients, now, signal, pause } = options;
  while (!signal.aborted) {
    const client = random.pick(clients);
    const granted = now();
    const lease = await client.grantLease(ttlS);
    if (lease.kind === 'done') {
      recorder.mayHappen({ type: 'expire', lease: lease.output }, granted + ttlS * 1000);
      await tryOnce(options, client, lease.output);
    }
    await pause();
  }
}

async function tryOnce(
  { name, process, recorder, random, pause }: LockOptions,
  client: LockClient,
  lease: string,
): Promise<void> {
  let key = '';
  const acquired = await recorder.run(process, { type: 'acquire', lease }, async () => {
    const answer = await client.acquire(name, lease);
    if (answer.kind !== 'done') return answer;
    key = answer.output.key;
    return { kind: 'done', output: answer.output.token } satisfies Answer<number>;
  });
  if (acquired.kind !== 'done') return;
  await pause();
  if (!random.chance(shareOfDeaths)) {
    await recorder.run(process, { type: 'release', lease }, () => client.release(key));
  }
}
