import Table from 'cli-table3';

/** One measured figure beside what it is measured against, in the same run on the same machine. */
export interface Row {
  what: string;
  flotilla: number;
  unit: string;
  /** What was measured beside it. */
  baseline: { what: string; value: number };
  /** Whether more is better. */
  more: boolean;
  /** What the project wants, as text: `≤ 3 s`. */
  goal: string;
  met: boolean;
}

/** The rows as a table; a ratio above 1 means that Flotilla's figure is the larger one. */
export function formatRows(rows: readonly Row[]): string {
  const table = new Table({
    head: ['what', 'Flotilla', 'beside it, same run', 'ratio', 'goal', ''],
    style: { head: [], border: [] },
  });
  for (const { what, flotilla, unit, baseline, goal, met } of rows) {
    const beside = `${formatNumber(baseline.value)} ${unit}  ${baseline.what}`;
    const ratio = (flotilla / baseline.value).toPrecision(3);
    table.push([what, `${formatNumber(flotilla)} ${unit}`, beside, ratio, goal, met ? 'met' : 'missed']);
  }
  return table.toString();
}

function formatNumber(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3);
}
