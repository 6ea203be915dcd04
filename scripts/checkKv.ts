// `npm run check:kv -- --minutes 10 --seed 1`: the linearizability check for as long as you like.
import { parseArgs } from 'node:util';
import { checkKv, describeReport } from '../test/linearizability/checkKv.ts';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '5' }, seed: { type: 'string' } } });
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32));
const roundMs = 20_000;
/** With what comes after its end: the last words of the stores, and the judgement. */
const roundAndJudgementMs = 30_000;
const rounds = Math.max(1, Math.round((Number(values.minutes) * 60_000) / roundAndJudgementMs));
if (!Number.isFinite(rounds) || !Number.isInteger(seed)) {
  console.error('usage: npm run check:kv -- [--minutes N] [--seed S]');
  process.exit(2);
}

const cleanUps: (() => Promise<void>)[] = [];
try {
  const t = { after: (fn: () => Promise<void>) => void cleanUps.push(fn) };
  const report = await checkKv(t, { seed, rounds, roundMs, progress: (line) => console.error(line) });
  console.log(describeReport(report));
  process.exitCode = report.violations.length === 0 ? 0 : 1;
} finally {
  for (const cleanUp of cleanUps) await cleanUp();
}
