/** Many seeds in several processes: each is given one after the other, and says what came of it. */
import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundle, nodeOptions } from './bundle.ts';
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

export interface ParallelReport extends SearchReport {
  /** What all these processes have used of processors, from their starts to their last seeds, user and system, ms. */
  cpuMs: number;
}

/** What a worker says of a portion of seeds. */
export interface WorkerReport {
  report: SearchReport;
  /** What its process has used since it was started, ms. */
  cpuMs: number;
}

/** So many seeds are given to a worker at a time. */
const portion = 5;

export async function searchInWorkers(options: ParallelOptions): Promise<ParallelReport> {
  const { first, count, workers, onFailure, stopAtFirst = false } = options;
  const total: SearchReport = { seeds: 0, simulatedMs: 0, commits: 0, faults: 0, coverage: {}, failures: [] };
  let next = first;
  const take = () => {
    if (next >= first + count || (stopAtFirst && total.failures.length > 0)) return [];
    const seeds = Array.from({ length: Math.min(portion, first + count - next) }, (_, i) => next + i);
    next += seeds.length;
    return seeds;
  };
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-simulation-'));
  try {
    const program = join(directory, 'worker.mjs');
    await bundle({ entry: 'worker.ts', outfile: program });
    const used = await Promise.all(
      Array.from({ length: Math.min(workers, count) }, () => runWorker(program, take, add)),
    );
    const cpuMs = used.reduce((sum, ms) => sum + ms, 0);
    return { ...total, cpuMs, failures: total.failures.toSorted((a, b) => a.seed - b.seed) };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }

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

/**
 * Resolves with what the process has used, ms.
 * @throws the worker's process ended before it had answered.
 */
function runWorker(program: string, take: () => number[], add: (report: SearchReport) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = fork(program, { execArgv: nodeOptions, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    let [given, usedMs]: [number[], number] = [[], 0];
    const give = () => {
      given = take();
      if (given.length > 0) child.send(given);
      else child.disconnect();
    };
    child.on('message', ({ report, cpuMs }: WorkerReport) => {
      usedMs = cpuMs;
      add(report);
      give();
    });
    child.on('error', reject);
    child.on('exit', (code) => {
      if (given.length === 0) resolve(usedMs);
      else reject(new Error(`a simulation process ended with ${code} while it ran the seeds ${given.join()}`));
    });
    give();
  });
}
