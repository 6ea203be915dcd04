// `npm run check:durability -- --kills 100`: kill -9 of every process in turn while the key/value store is written to.
import { checkDurability, describeDurability } from '../test/durability/checkDurability.ts';
import { readCommandLine, whole } from './support/commandLine.ts';

const { values } = readCommandLine({
  command: 'npm run check:durability',
  about: 'kills processes of a cluster while its key/value store is written to, and looks for every acknowledged put',
  options: { kills: whole('N', 'so many kills', { min: 1, otherwise: 100 }) },
});

const cleanUps: (() => Promise<void>)[] = [];
try {
  const t = { after: (fn: () => Promise<void>) => void cleanUps.push(fn) };
  const report = await checkDurability(t, { kills: values.kills, progress: (line) => console.error(line) });
  for (const line of report.missing) console.log(line);
  console.log(describeDurability(report));
  const isSame = report.fromBeginning === report.fromSnapshot && new Set(report.hashes).size === 1;
  process.exitCode = report.missing.length === 0 && isSame && report.snapshotSeq > 0 ? 0 : 1;
} finally {
  for (const cleanUp of cleanUps) await cleanUp();
}
