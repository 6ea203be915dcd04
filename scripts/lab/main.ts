// `npm run lab -- --minutes 10 --seed 1`: a cluster of machines in network namespaces, and everything that can happen to it.
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createRandom, type Random } from '../../test/linearizability/record/random.ts';
import { provideBusybox } from './engine.ts';
import type { Fault } from './faults/fault.ts';
import { faults as allFaults, calmFaults } from './faults/faults.ts';
import { slowEverything } from './faults/network.ts';
import { type LabSeat, runInLab } from './guard.ts';
import { startLab } from './lab.ts';
import { formatReport, isClean, type LabReport } from './report.ts';
import { RequirementError } from './requirements.ts';
import { runLab } from './run.ts';

const usage = `usage: npm run lab -- [--minutes N] [--seed S] [--calm] [--only WORDS] [--logs DIR]
  --calm   nothing but restarts of NATS servers, on links that are slow and lossy all the time: no alarm may be raised
  --only   only faults whose name contains these words
  --logs   keep the logs of all services there, where there were none`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string' },
    calm: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    logs: { type: 'string' },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32));
const chosen = (values.calm ? calmFaults : allFaults).filter(({ name }) => name.includes(values.only));

if (!(minutes > 0) || !Number.isInteger(seed) || chosen.length === 0) {
  console.error(usage);
  process.exit(2);
}
process.exitCode = await runInLab(lab).catch((error: unknown) => {
  if (!(error instanceof RequirementError)) throw error;
  console.error(error.message);
  return 2;
});

async function lab(seat: LabSeat): Promise<number> {
  const startedAt = performance.now();
  const progress = (line: string) => {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.error(`${new Date().toISOString().slice(11, 21)} ${seconds.padStart(6)} s  ${line}`);
  };
  progress(`seed ${seed}`);
  try {
    const report = await run(seat, progress);
    console.log(formatReport(report));
    return isClean(report) ? 0 : 1;
  } finally {
    if (values.logs !== undefined) await keepLogs(seat, values.logs);
  }
}

async function run(seat: LabSeat, progress: (line: string) => void): Promise<LabReport> {
  const started = await startLab(seat, { progress });
  await provideBusybox(
    started.machines.map(({ engine }) => engine),
    seat.dir,
  );
  if (values.calm) await slowEverything(started);
  const random = createRandom(seed);
  return runLab(started, { random, durationMs: minutes * 60_000, faults: shuffled(chosen, random), progress });
}

async function keepLogs({ dir }: LabSeat, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  for (const part of ['logs', 'record']) await cp(join(dir, part), join(to, part), { recursive: true, force: true });
}

function shuffled(list: readonly Fault[], random: Random): Fault[] {
  const left = [...list];
  return list.flatMap(() => left.splice(random.integer(left.length), 1));
}
