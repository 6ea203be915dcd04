// `npm run bench [-- name…] [--quick]`: measures, prints each figure beside its baseline, and never fails by the clock.
import { formatRows, type Row } from './support/report.ts';

/** One file a measurement; each returns its rows. `quick` is the short form that CI runs. */
const benches: Record<string, () => Promise<{ run: (options: { quick: boolean }) => Promise<Row[]> }>> = {
  commands: () => import('./commands.ts'),
  replay: () => import('./replay.ts'),
  start: () => import('./start.ts'),
  burst: () => import('./burst.ts'),
  'list-units': () => import('./listUnits.ts'),
  idle: () => import('./idle.ts'),
  failover: () => import('./failover.ts'),
};

const args = process.argv.slice(2);
const quick = args.includes('--quick');
const wanted = args.filter((arg) => !arg.startsWith('--'));
const unknown = wanted.filter((name) => !(name in benches));
if (unknown.length > 0) {
  console.error(`no such benchmark: ${unknown.join(', ')}; there are ${Object.keys(benches).join(', ')}`);
  process.exit(2);
}

const rows: Row[] = [];
for (const [name, load] of Object.entries(benches)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.error(`measuring ${name} …`);
  rows.push(...(await (await load()).run({ quick })));
}
console.log(formatRows(rows));
