import { renderTable } from '../../cli/table.ts';

/** One measured figure beside what it is measured against, in the same run on the same machine. */
export interface Row {
  what: string;
  flotilla: number;
  unit: string;
  /** What was measured beside it. */
  baseline: { what: string; value: number };
  /** What the project wants, as text: `≤ 3 s`. */
  goal: string;
  met: boolean;
}

/** The rows as a table; a ratio above 1 means that Flotilla's figure is the larger one. */
export function formatRows(rows: readonly Row[]): string {
  const columns = [
    { head: 'WHAT', cell: (row: Row) => row.what },
    { head: 'FLOTILLA', cell: ({ flotilla, unit }: Row) => `${formatNumber(flotilla)} ${unit}` },
    {
      head: 'BESIDE IT',
      cell: ({ baseline, unit }: Row) => `${formatNumber(baseline.value)} ${unit}: ${baseline.what}`,
    },
    { head: 'RATIO', cell: ({ flotilla, baseline }: Row) => (flotilla / baseline.value).toPrecision(3) },
    { head: 'GOAL', cell: ({ goal, met }: Row) => (goal === '' ? '' : `${goal} ${met ? 'met' : 'missed'}`) },
  ];
  return renderTable(rows, columns, { columns: null, legend: true }).join('\n');
}

function formatNumber(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3);
}
