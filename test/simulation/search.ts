/** Many seeds, one after the other, in this process. */
import { addCounts, type Counts } from './coverage.ts';
import { generateSchedule } from './generate.ts';
import { type RunResult, runSchedule } from './run.ts';
import type { Schedule } from './schedule.ts';
import { shrinkSchedule } from './shrink.ts';

export interface SearchReport {
  seeds: number;
  simulatedMs: number;
  commits: number;
  faults: number;
  coverage: Counts;
  failures: Failure[];
}

export interface Failure {
  seed: number;
  /** The first rule that was broken, and how. */
  rule: string;
  what: string;
}

interface SearchOptions {
  stopAtFirst?: boolean;
  onFailure?: (failure: Failure) => void;
}

export function searchSeeds(seeds: readonly number[], options: SearchOptions = {}): Promise<SearchReport> {
  return searchSchedules(seeds.map(generateSchedule), options);
}

export async function searchSchedules(
  schedules: Iterable<Schedule>,
  options: SearchOptions = {},
): Promise<SearchReport> {
  const report: SearchReport = { seeds: 0, simulatedMs: 0, commits: 0, faults: 0, coverage: {}, failures: [] };
  for (const schedule of schedules) {
    const { seed } = schedule;
    const { violations, simulatedMs, commits, faults, coverage } = await runSchedule(schedule);
    report.seeds++;
    report.simulatedMs += simulatedMs;
    report.commits += commits;
    report.faults += faults;
    addCounts(report.coverage, coverage);
    const [first] = violations;
    if (!first) continue;
    const failure = { seed, rule: first.rule, what: first.what };
    report.failures.push(failure);
    options.onFailure?.(failure);
    if (options.stopAtFirst) break;
  }
  return report;
}

const mostTries = 400;

/** The shortest schedule found that breaks the same rule, and how it runs. */
export async function shortest(schedule: Schedule): Promise<{ schedule: Schedule; result: RunResult }> {
  const rule = (await runSchedule(schedule)).violations[0]?.rule;
  const fails = async (candidate: Schedule) => (await runSchedule(candidate)).violations[0]?.rule === rule;
  const shrunk = await shrinkSchedule(schedule, { fails, mostTries });
  return { schedule: shrunk, result: await runSchedule(shrunk) };
}
