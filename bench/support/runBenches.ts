import { formatRows, type Row } from './report.ts';

/** One file a measurement; each returns its rows. `quick` is the short form. */
export type Benches = Record<string, () => Promise<{ run: (options: { quick: boolean }) => Promise<Row[]> }>>;

/** Measures what the command line names, or everything, and prints each figure beside its baseline. */
export async function runBenches(benches: Benches, args: readonly string[]): Promise<void> {
  const quick = args.includes('--quick');
  const wanted = args.filter((arg) => !arg.startsWith('--'));
  const unknown = wanted.filter((name) => !(name in benches));
  if (unknown.length > 0) {
    console.error(`no such benchmark: ${unknown.join(', ')}; there are ${Object.keys(benches).join(', ')}`);
    process.exitCode = 2;
    return;
  }
  const rows: Row[] = [];
  for (const [name, load] of Object.entries(benches)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    console.error(`measuring ${name} …`);
    rows.push(...(await (await load()).run({ quick })));
  }
  console.log(formatRows(rows));
}
