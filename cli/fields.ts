/** The columns that a list can show, and those that were asked for: `--fields`, `--sort-by`, in fleetctl's names. */
import { UsageError } from './errors.ts';
import type { Options } from './options.ts';
import type { Column } from './table.ts';

export interface Fields<Row> {
  columns: Readonly<Record<string, Column<Row>>>;
  /** Unless others are asked for. */
  shown: readonly string[];
}

export function columnsOf<Row>({ columns, shown }: Fields<Row>, names: readonly string[] = shown): Column<Row>[] {
  return names.flatMap((name) => columns[name] ?? []);
}

/** @throws {UsageError} there is no such field. */
export function chooseColumns<Row>(options: Options, fields: Fields<Row>): Column<Row>[] {
  const names = options.text('fields')?.split(',');
  for (const name of names ?? []) checkField('--fields', name, fields);
  return columnsOf(fields, names);
}

/**
 * The rows in the order of one field; where they are the same there, in the order that they had.
 * @throws {UsageError} there is no such field.
 */
export function sortRows<Row>(options: Options, rows: readonly Row[], fields: Fields<Row>): Row[] {
  const name = options.text('sortBy');
  if (name === undefined) return [...rows];
  const { cell } = checkField('--sort-by', name, fields);
  // `web@10` comes after `web@9`. Made here: it takes longer than all that most commands do.
  const { compare } = new Intl.Collator('en', { numeric: true });
  return [...rows].sort((a, b) => compare(cell(a), cell(b)));
}

function checkField<Row>(option: string, name: string, { columns }: Fields<Row>): Column<Row> {
  const column = Object.hasOwn(columns, name) ? columns[name] : undefined;
  if (column !== undefined) return column;
  throw new UsageError(`${option}: there is no field "${name}"; there are ${Object.keys(columns).join(', ')}`);
}
