// `npm run simulate -- --seeds 1000`: a thousand bad days of a whole cluster, in virtual time. See docs/simulator.md.
import { readFile, writeFile } from 'node:fs/promises';
import { describeCoverage } from '../test/simulation/coverage.ts';
import { describeSchedule, describeTimeline, describeViolations } from '../test/simulation/describe.ts';
import { generateSchedule, kindsOfFaults } from '../test/simulation/generate.ts';
import { hunt } from '../test/simulation/hunt.ts';
import { mutants } from '../test/simulation/mutants.ts';
import { searchInWorkers } from '../test/simulation/parallel.ts';
import { runSchedule } from '../test/simulation/run.ts';
import type { Schedule } from '../test/simulation/schedule.ts';
import { shortest } from '../test/simulation/search.ts';
import { flag, readCommandLine, refuseCommandLine, text, whole } from './support/commandLine.ts';

const line = {
  command: 'npm run simulate',
  about: 'plays bad days of a whole cluster in virtual time, and says what was broken',
  options: {
    seeds: whole('N', 'so many days', { min: 1, otherwise: 1000 }),
    from: whole('SEED', 'the first of them', { min: 1, otherwise: 1 }),
    workers: whole('N', 'so many processes', { min: 1, otherwise: 2 }),
    seed: whole('SEED', 'that day alone, and where it breaks something the shortest schedule that does', {
      min: 0,
      otherwise: undefined,
    }),
    schedule: text('FILE', 'the same of a schedule that was saved'),
    save: text('FILE', 'with --seed or --schedule: keep the shortest schedule there'),
    trace: flag('with --seed or --schedule: everything that can be seen of the day'),
    mutants: flag('whether bugs that are made on purpose are found'),
    mutant: text('WORDS', 'the same of those whose name contains the words'),
    plot: text('NAME', 'with --mutant: only days with that plot'),
  },
};
const { values } = readCommandLine(line);
const { seeds, from, workers } = values;

if (values.mutants || values.mutant !== undefined) await huntAll(values.mutant ?? '');
else if (values.schedule !== undefined) await explain(await readSchedule(values.schedule));
else if (values.seed !== undefined) await explain(generateSchedule(values.seed));
else await search();

async function readSchedule(file: string): Promise<Schedule> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    return refuseCommandLine(
      line,
      `--schedule: ${file} cannot be read: ${error instanceof Error ? error.message : error}`,
    );
  }
}

async function search(): Promise<void> {
  const started = performance.now();
  const onFailure = ({ seed, rule, what }: { seed: number; rule: string; what: string }) =>
    console.log(`seed ${seed}: broken: ${rule}: ${what}`);
  const report = await searchInWorkers({ first: from, count: seeds, workers, onFailure });
  const realMs = performance.now() - started;
  const hours = report.simulatedMs / 3_600_000;
  const { user, system } = process.cpuUsage();
  const cpuSeconds = (report.cpuMs + (user + system) / 1_000) / 1_000;
  console.log(
    `${report.seeds} seeds, ${report.faults} faults, ${report.commits} commits: ${report.failures.length} failed; ` +
      `${hours.toFixed(1)} simulated hours in ${(realMs / 1000).toFixed(1)} s, ${workers} processes: ` +
      `${Math.round(report.simulatedMs / realMs)} times as fast as time, ` +
      `${(cpuSeconds / hours).toFixed(1)} CPU seconds a simulated hour`,
  );
  console.log(['', 'how often it was there:', ...describeCoverage(report.coverage, kindsOfFaults)].join('\n'));
  const [first] = report.failures;
  if (!first) return;
  process.exitCode = 1;
  await explain(generateSchedule(first.seed));
}

/** Every mutant whose name contains the words, and the first seed that finds it. */
async function huntAll(words: string): Promise<void> {
  const left = mutants.filter(({ name }) => name.includes(words));
  if (left.length === 0)
    refuseCommandLine(line, `no mutant's name contains "${words}"; --mutants hunts all, with their names`);
  const hunter = async () => {
    for (let mutant = left.shift(); mutant; mutant = left.shift()) {
      const { seed } = mutant;
      const days = { seeds, first: from, ...(values.plot ? { plot: values.plot } : {}) };
      const { found, seeds: tried } = await hunt(mutant, typeof seed === 'string' ? { schedule: seed, seeds } : days);
      if (!found) process.exitCode = 1;
      const how = found ? `seed ${found.seed}: ${found.rule}` : `NOT FOUND in ${tried} seeds`;
      console.log(`${mutant.name}\n    ${how}`);
    }
  };
  await Promise.all(Array.from({ length: workers }, hunter));
}

/** Runs one schedule; where it fails, says what was broken by the shortest one that breaks it. */
async function explain(schedule: Schedule): Promise<void> {
  const result = await runSchedule(schedule);
  if (values.trace) for (const line of result.world.trace.lines) console.log(line);
  if (result.violations.length === 0) {
    console.log(`seed ${schedule.seed}: nothing was broken; trace ${result.hash}`);
    return;
  }
  process.exitCode = 1;
  const short = await shortest(schedule);
  const lines = [
    ...['', `seed ${schedule.seed}, the shortest schedule found:`, ...describeSchedule(short.schedule)],
    ...['', 'the log:', ...describeTimeline(short.result)],
    ...['', ...describeViolations(short.result)],
  ];
  for (const line of lines) console.log(line);
  if (values.save !== undefined) await writeFile(values.save, `${JSON.stringify(short.schedule, null, 2)}\n`);
}
