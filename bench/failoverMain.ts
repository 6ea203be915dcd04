// `npm run bench:failover [-- --trials 10]`: a machine is cut off; how long until its containers run elsewhere? Flotilla
// and Docker Swarm, on the same engines, in the same run.
import { renderTable } from '../cli/table.ts';
import { provideBusybox } from '../scripts/lab/engine.ts';
import { type LabSeat, runInLab } from '../scripts/lab/guard.ts';
import { sharedHosts, startLab } from '../scripts/lab/lab.ts';
import { prepareRecord } from '../scripts/lab/workload/units.ts';
import { flag, readCommandLine, whole } from '../scripts/support/commandLine.ts';
import { flotilla } from './failover/flotilla.ts';
import { swarm } from './failover/swarm.ts';
import { type Contender, type Leads, trial } from './failover/trials.ts';
import { median, percentile } from './support/stats.ts';

const { values } = readCommandLine({
  command: 'npm run bench:failover',
  about:
    'cuts a machine off, and measures how long it takes until its containers run elsewhere; needs root and a Docker engine',
  options: {
    trials: whole('N', 'so many times', { min: 1, otherwise: 10 }),
    'without-swarm': flag('Flotilla alone'),
  },
});
const { trials } = values;
const cases: readonly { what: string; leads: Leads; goalS: number | null }[] = [
  { what: 'the machine leads nothing', leads: 'nothing', goalS: 3 },
  { what: 'it leads the schedulers, but no stream', leads: 'decisions', goalS: 3 },
  { what: 'it leads: JetStream’s stream, the swarm', leads: 'all', goalS: 12 },
];

process.exitCode = await runInLab(bench);

async function bench(seat: LabSeat): Promise<number> {
  const progress = (line: string) => console.error(line);
  const lab = await startLab(seat, { topology: sharedHosts, progress });
  await provideBusybox(
    lab.machines.map(({ engine }) => engine),
    seat.dir,
  );
  await prepareRecord(seat);
  const measure = async (contender: Contender, leads: Leads) => {
    const times: number[] = [];
    for (let number = 1; number <= trials; number++) {
      times.push(await trial(lab, contender, `${leads}-${number}`, leads));
      progress(`${contender.name}, it leads ${leads}, trial ${number}: ${times.at(-1)?.toFixed(2)} s`);
    }
    return times;
  };
  const rows: Result[] = [];
  const ours = flotilla(lab);
  for (const { what, leads, goalS } of cases)
    rows.push({ what, goalS, flotilla: await measure(ours, leads), swarm: [] });
  if (!values['without-swarm']) {
    const theirs = await swarm(lab);
    for (const [index, { leads }] of cases.entries()) {
      // In a swarm it is the same machine that decides and keeps the log.
      if (leads !== 'decisions' && rows[index]) rows[index].swarm = await measure(theirs, leads);
    }
  }
  console.log(
    `seconds from cutting off one of 3 machines until its containers run elsewhere, ${trials} trials, p50 / p90 / max`,
  );
  console.log(format(rows));
  return 0;
}

interface Result {
  what: string;
  goalS: number | null;
  flotilla: number[];
  swarm: number[];
}

function format(rows: readonly Result[]): string {
  const columns = [
    { head: 'WHAT', cell: ({ what }: Result) => what },
    { head: 'FLOTILLA', cell: ({ flotilla: times }: Result) => spread(times) },
    { head: 'DOCKER SWARM', cell: ({ swarm: times }: Result) => spread(times) },
    {
      head: 'RATIO',
      cell: (row: Result) => (row.swarm.length > 0 ? (median(row.swarm) / median(row.flotilla)).toFixed(1) : '-'),
    },
    {
      head: 'GOAL',
      cell: ({ goalS, flotilla: times }: Result) =>
        goalS === null ? '' : `p50 ≤ ${goalS} s ${median(times) <= goalS ? 'met' : 'missed'}`,
    },
  ];
  return renderTable(rows, columns, { columns: null, legend: true }).join('\n');
}

function spread(times: readonly number[]): string {
  if (times.length === 0) return '-';
  return [median(times), percentile(times, 0.9), Math.max(...times)].map((time) => time.toFixed(2)).join(' / ');
}
