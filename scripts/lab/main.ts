// `npm run lab -- --minutes 10 --seed 1`: a cluster of machines in network namespaces, and everything that can happen to it.
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createRandom, type Random } from '../../test/linearizability/record/random.ts';
import { flag, minutes, readCommandLine, refuseCommandLine, text, whole } from '../support/commandLine.ts';
import { provideBusybox } from './engine.ts';
import type { Fault } from './faults/fault.ts';
import { faults as allFaults, calmFaults } from './faults/faults.ts';
import { slowWeather } from './faults/network.ts';
import { type LabSeat, runInLab } from './guard.ts';
import { startLab } from './lab.ts';
import { formatReport, isClean, type LabReport } from './report.ts';
import { RequirementError } from './requirements.ts';
import { runLab } from './run.ts';

const line = {
  command: 'npm run lab',
  about:
    'makes a cluster of machines in network namespaces, and breaks it in every way it knows; needs root and a Docker engine',
  options: {
    minutes: minutes('N', 'for so long', 10),
    seed: whole('SEED', 'what happens, and when; any other time: by chance', { min: 0, otherwise: undefined }),
    calm: flag('only restarts of NATS servers, on links that are slow and lossy all the time: no alarm may be raised'),
    only: text('WORDS', 'only faults whose name contains these words'),
    logs: text('DIR', 'keep the logs of all services there, where there were none'),
  },
};
const { values } = readCommandLine(line);
const seed = values.seed ?? Math.floor(Math.random() * 2 ** 32);
const faults = values.calm ? calmFaults : allFaults;
const chosen = faults.filter(({ name }) => name.includes(values.only ?? ''));
if (chosen.length === 0) {
  const names = faults.map(({ name }) => name).join('; ');
  refuseCommandLine(line, `no fault's name contains "${values.only}"; there are: ${names}`);
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
  const random = createRandom(seed);
  return runLab(started, {
    ...{ random, durationMs: values.minutes * 60_000, faults: shuffled(chosen, random), progress },
    ...(values.calm ? { weather: slowWeather(started) } : {}),
  });
}

async function keepLogs({ dir }: LabSeat, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  for (const part of ['logs', 'record']) await cp(join(dir, part), join(to, part), { recursive: true, force: true });
}

function shuffled(list: readonly Fault[], random: Random): Fault[] {
  const left = [...list];
  return list.flatMap(() => left.splice(random.integer(left.length), 1));
}
