// One process of `parallel.ts`.
import { searchSeeds } from './search.ts';

process.on('message', (seeds: number[]) => {
  void searchSeeds(seeds).then((report) => process.send?.(report));
});
