/** What came of a run, as a table. */
import { percentile } from '../../bench/support/stats.ts';
import { renderTable } from '../../cli/table.ts';
import type { FaultRecord } from './checks/causes.ts';

export interface LabReport {
  faults: FaultRecord[];
  recoveriesMs: number[];
  commands: { acknowledged: number; unanswered: number; refused: string[] };
  keys: { acknowledged: number; lost: string[] };
  commits: number;
  /** How often this machine was too busy for anything to be in time. */
  starved: number;
  /** Acknowledged commands that are not on the log. */
  lost: string[];
  /** Runs of units that ended without a reason. */
  stopped: string[];
  /** Machines that were taken for lost without a reason. */
  falseAlarms: string[];
  /** Units that ran twice at once, and must not have. */
  doubles: string[];
  /** Where the log's placements and what runs differ in the end. */
  wrongPlaces: string[];
  /** How long registered units were not there, between two of their runs. */
  outagesS: number[];
  /** What else must not have happened. */
  problems: string[];
}

interface Line {
  what: string;
  value: string;
  goal: string;
}

/** Everything that has to be empty, and in what words. */
function zeros(report: LabReport): [what: string, found: readonly string[]][] {
  return [
    ['acknowledged commands lost', report.lost],
    ['acknowledged keys lost', report.keys.lost],
    ['commands refused', report.commands.refused],
    ['units stopped without cause', report.stopped],
    ['machines lost without cause', report.falseAlarms],
    ['units twice at once', report.doubles],
    ['places that differ from the log', report.wrongPlaces],
    ['anything else wrong', report.problems],
  ];
}

export function isClean(report: LabReport): boolean {
  return zeros(report).every(([, found]) => found.length === 0);
}

export function formatReport(report: LabReport): string {
  const { faults, commands, keys, recoveriesMs, outagesS, commits } = report;
  const lines: Line[] = [
    { what: 'faults', value: String(faults.length), goal: '' },
    ...countByName(faults),
    { what: 'commands acknowledged', value: `${commands.acknowledged} (${commands.unanswered} unanswered)`, goal: '' },
    { what: 'keys acknowledged', value: String(keys.acknowledged), goal: '' },
    { what: 'moments in which this machine was too busy', value: String(report.starved), goal: '' },
    { what: 'commits on the log, hash chain unbroken', value: String(commits), goal: '' },
    ...zeros(report).map(([what, found]) => ({
      what,
      value: String(found.length),
      goal: found.length === 0 ? '0 met' : '0 MISSED',
    })),
    {
      what: 'from healing until all is well, p50/p99/max',
      value: spread(recoveriesMs.map((ms) => ms / 1000)),
      goal: '',
    },
    { what: 'a unit between two of its runs, p50/p99/max', value: spread(outagesS), goal: '' },
  ];
  const table = renderTable(
    lines,
    [
      { head: 'WHAT', cell: ({ what }: Line) => what },
      { head: 'VALUE', cell: ({ value }: Line) => value },
      { head: 'GOAL', cell: ({ goal }: Line) => goal },
    ],
    { columns: null, legend: true },
  );
  const details = zeros(report).flatMap(([what, found]) => found.map((line) => `${what}: ${line}`));
  return [...table, ...details].join('\n');
}

function countByName(faults: readonly FaultRecord[]): Line[] {
  const counts = new Map<string, number>();
  for (const { name } of faults) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => ({ what: `  ${name}`, value: String(count), goal: '' }));
}

function spread(seconds: readonly number[]): string {
  if (seconds.length === 0) return '-';
  return `${[percentile(seconds, 0.5), percentile(seconds, 0.99), Math.max(...seconds)].map((s) => s.toFixed(1)).join(' / ')} s`;
}
