import { flag, readCommandLine } from '../../scripts/support/commandLine.ts';
import { formatRows, type Row } from './report.ts';

/** One file a measurement; each returns its rows. `quick` is the short form. */
export type Benches = Record<string, () => Promise<{ run: (options: { quick: boolean }) => Promise<Row[]> }>>;

/** Measures what the command line names, or everything, and prints each figure beside its baseline. */
export async function runBenches(
  benches: Benches,
  { command, about }: { command: string; about: string },
): Promise<void> {
  const options = { quick: flag('the short form') };
  const { values, words: wanted } = readCommandLine({
    ...{ command, about, options },
    words: { placeholder: 'NAME', about: 'what is measured; otherwise everything', among: Object.keys(benches) },
  });
  const rows: Row[] = [];
  for (const [name, load] of Object.entries(benches)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    console.error(`measuring ${name} …`);
    rows.push(...(await (await load()).run(values)));
  }
  console.log(formatRows(rows));
}
