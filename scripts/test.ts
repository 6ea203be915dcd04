// `npm test [-- pattern…]`: the whole suite, or the files whose path contains one of the patterns.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { readCommandLine, refuseCommandLine } from './support/commandLine.ts';
import { createTestReport } from './testReport.ts';
import { runTestFiles } from './testRunner.ts';
import { filesUnder, prepareTests } from './testSetup.ts';

const testDirs = ['shared', 'services', 'cli', 'scripts', 'bench', 'test'];
const fileTimeoutMs = 300_000;
/** They compare moments with those of systemd, or machines must not be silent for 2 s: nothing else is to run beside them. */
const alone = ['.systemd.int.', 'monitored.e2e.', 'lab.e2e.', 'rollingRestart.e2e.', 'blips.e2e.'];

const line = {
  command: 'npm test',
  about: 'runs tests',
  options: {},
  words: { placeholder: 'WORD', about: 'files whose path contains one of these; otherwise all' },
};
const { words } = readCommandLine(line);
const files = await findTestFiles(words);
if (files.length === 0) refuseCommandLine(line, `no test file's path contains ${words.join(' or ')}`);

const report = createTestReport((text) => console.log(text));
try {
  process.env.FLOTILLA_TEST_SEED ??= String(await seedOfSources());
  console.log(`# random tests start at FLOTILLA_TEST_SEED=${process.env.FLOTILLA_TEST_SEED}`);
  const problems = await prepareTests((text) => console.log(`# ${text}`));
  for (const problem of problems) report.addFailure('preparing the tests', problem);
  const isAlone = (file: string) => alone.some((part) => file.includes(part));
  const together = files.filter((file) => !isAlone(file));
  await runTestFiles(together, { report, fileTimeoutMs, concurrency: 2 });
  await runTestFiles(files.filter(isAlone), { report, fileTimeoutMs, concurrency: 1 });
} catch (error) {
  report.addFailure('the tests could not be run', error instanceof Error ? error : new Error(String(error)));
}
process.exitCode = report.summarize() ? 0 : 1;

async function findTestFiles(patterns: readonly string[]): Promise<string[]> {
  const all = (await Promise.all(testDirs.map(filesUnder))).flat().filter((file) => file.endsWith('.test.ts'));
  const wanted = all.filter((file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)));
  return wanted.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

/** The same for the same sources: a whole run can be repeated, and each change tries examples that nobody has tried. */
async function seedOfSources(): Promise<number> {
  const sources = (await Promise.all(testDirs.map(filesUnder)))
    .flat()
    .filter((file) => file.endsWith('.ts'))
    .sort();
  const hash = createHash('sha256');
  for (const text of await Promise.all(sources.map((file) => readFile(file)))) hash.update(text);
  return hash.digest().readUInt32BE() >>> 1;
}

/** Pure tests first, then those with real servers, then whole clusters: what is broken at the bottom is told first. */
function rank(file: string): number {
  if (file.endsWith('.e2e.test.ts')) return 2;
  return file.endsWith('.int.test.ts') ? 1 : 0;
}
