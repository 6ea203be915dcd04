import { stripVTControlCharacters } from 'node:util';

export interface TableOptions {
  /** The width to keep to; null: as wide as it gets. */
  columns: number | null;
  legend: boolean;
}

/** One column: its head, and what it shows of a row. */
export interface Column<Row> {
  head: string;
  cell: (row: Row) => string;
  /** Colours a cell after it was cut and padded. */
  paint?: (text: string, row: Row) => string;
}

const gap = '  ';
const narrowest = 6;

/** Lines of a table without a frame, as fleetctl prints them; columns are cut until they fit into the width. */
export function renderTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  { columns: width, legend }: TableOptions,
): string[] {
  const cells = rows.map((row) => columns.map(({ cell }) => clean(cell(row))));
  const heads = columns.map(({ head }) => head);
  const shown = legend ? [heads, ...cells] : cells;
  const natural = heads.map((_, index) => Math.max(0, ...shown.map((row) => row[index]?.length ?? 0)));
  const widths = width === null ? natural : fit(natural, width);
  const lines = cells.map((row, at) => {
    const painted = row.map((text, index) => {
      const [paint, original] = [columns[index]?.paint, rows[at]];
      const laidOut = layOut(text, widths[index] ?? 0, index === row.length - 1);
      return paint && original !== undefined ? paint(laidOut, original) : laidOut;
    });
    return painted.join(gap);
  });
  const headLine = heads.map((head, index) => layOut(head, widths[index] ?? 0, index === heads.length - 1)).join(gap);
  return legend ? [headLine, ...lines] : lines;
}

/** Takes from the widest columns first. */
function fit(natural: readonly number[], width: number): number[] {
  const widths = [...natural];
  let excess = sum(widths) + gap.length * (widths.length - 1) - width;
  while (excess > 0) {
    const widest = widths.indexOf(Math.max(...widths));
    const current = widths[widest] ?? 0;
    if (current <= narrowest) break;
    widths[widest] = current - 1;
    excess -= 1;
  }
  return widths;
}

function layOut(text: string, width: number, isLast: boolean): string {
  const cut = text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text;
  return isLast ? cut : cut.padEnd(width);
}

/** What came from elsewhere must not move the cursor or break the line. */
function clean(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/\p{Cc}/gu, ' ') || '-';
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
