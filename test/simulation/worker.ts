// One process of `parallel.ts`.
import type { WorkerReport } from './parallel.ts';
import { searchSeeds } from './search.ts';

process.on('message', async (seeds: number[]) => {
  const report = await searchSeeds(seeds);
  const { user, system } = process.cpuUsage();
  process.send?.({ report, cpuMs: (user + system) / 1_000 } satisfies WorkerReport);
});
