/** Many seeds in several processes: each is given one after the other, and says what came of it. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { addCounts } from './coverage.ts';
import type { Failure, SearchReport } from './search.ts';

export interface ParallelOptions {
  /** Seeds `first`, `first + 1`, … */
  first: number;
  count: number;
  workers: number;
  onFailure?: (failure: Failure) => void;
  /** No further seeds once one has failed. */
  stopAtFirst?: boolean;
}

const worker = fileURLToPath(new URL('worker.ts', import.meta.url));
/** So many seeds are given to a worker at a time. */
const portion = 5;

export async function searchInWorkers(options: ParallelOptions): Promise<SearchReport> {
  const { first, count, workers, onFailure, stopAtFirst = false } = options;
  const total: SearchReport = { seeds: 0, simulatedMs: 0, commits: 0, faults: 0, coverage: {}, failures: [] };
  let next = first;
  const take = () => {
    if (next >= first + count || (stopAtFirst && total.failures.length > 0)) return [];
    const seeds = Array.from({ length: Math.min(portion, first + count - next) }, (_, i) => next + i);
    next += seeds.length;
    return seeds;
  };
  await Promise.all(Array.from({ length: Math.min(workers, count) }, () => runWorker(take, add)));
  return { ...total, failures: total.failures.toSorted((a, b) => a.seed - b.seed) };

  function add(report: SearchReport): void {
    total.seeds += report.seeds;
    total.simulatedMs += report.simulatedMs;
    total.commits += report.commits;
    total.faults += report.faults;
    addCounts(total.coverage, report.coverage);
    total.failures.push(...report.failures);
    for (const failure of report.failures) onFailure?.(failure);
  }
}

/** @throws the worker's process ended before it had answered. */
function runWorker(take: () => number[], add: (report: SearchReport) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = fork(worker, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    let given: number[] = [];
    const give = () => {
      given = take();
      if (given.length > 0) child.send(given);
      else child.disconnect();
    };
    child.on('message', (report: SearchReport) => {
      add(report);
      give();
    });
    child.on('error', reject);
    child.on('exit', (code) => {
      if (given.length === 0) resolve();
      else reject(new Error(`a simulation process ended with ${code} while it ran the seeds ${given.join()}`));
    });
    give();
  });
}
