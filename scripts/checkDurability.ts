// `npm run check:durability -- --kills 100`: kill -9 of every process in turn while the key/value store is written to.
import { parseArgs } from 'node:util';
import { checkDurability, describeDurability } from '../test/durability/checkDurability.ts';

const { values } = parseArgs({ options: { kills: { type: 'string', default: '100' } } });
const kills = Number(values.kills);
if (!Number.isInteger(kills) || kills < 1) {
  console.error('usage: npm run check:durability -- [--kills N]');
  process.exit(2);
}

const cleanUps: (() => Promise<void>)[] = [];
try {
  const t = { after: (fn: () => Promise<void>) => void cleanUps.push(fn) };
  const report = await checkDurability(t, { kills, progress: (line) => console.error(line) });
  for (const line of report.missing) console.log(line);
  console.log(describeDurability(report));
  const isSame = report.fromBeginning === report.fromSnapshot && new Set(report.hashes).size === 1;
  process.exitCode = report.missing.length === 0 && isSame && report.snapshotSeq > 0 ? 0 : 1;
} finally {
  for (const cleanUp of cleanUps) await cleanUp();
}
