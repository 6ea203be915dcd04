// `npm run check:kv -- --minutes 10 --seed 1`: the linearizability check for as long as you like.
import { checkKv, describeReport } from '../test/linearizability/checkKv.ts';
import { minutes, readCommandLine, whole } from './support/commandLine.ts';

const { values } = readCommandLine({
  command: 'npm run check:kv',
  about:
    'records what clients see of the key/value store while processes are killed, paused and cut off, and judges it',
  options: {
    minutes: minutes('N', 'for about so long', 5),
    seed: whole('SEED', 'what happens, and when; any other time: by chance', { min: 0, otherwise: undefined }),
  },
});
const seed = values.seed ?? Math.floor(Math.random() * 2 ** 32);
const roundMs = 20_000;
/** With what comes after its end: the last words of the stores, and the judgement. */
const roundAndJudgementMs = 30_000;
const rounds = Math.max(1, Math.round((values.minutes * 60_000) / roundAndJudgementMs));

const cleanUps: (() => Promise<void>)[] = [];
try {
  const t = { after: (fn: () => Promise<void>) => void cleanUps.push(fn) };
  const report = await checkKv(t, { seed, rounds, roundMs, progress: (line) => console.error(line) });
  console.log(describeReport(report));
  process.exitCode = report.violations.length === 0 ? 0 : 1;
} finally {
  for (const cleanUp of cleanUps) await cleanUp();
}
