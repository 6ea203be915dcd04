import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';

interface Outcome {
  lines: string[];
  ok: boolean;
}

/** Runs the runner on files with these texts, in a process of its own: node:test refuses to run inside node:test. */
async function runOn(t: TestContext, texts: Record<string, string>, fileTimeoutMs = 60_000): Promise<Outcome> {
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-runner-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const prelude = "import { describe, test } from 'node:test';";
  const files = Object.keys(texts).map((name) => join(dir, name));
  await Promise.all(files.map((file, index) => writeFile(file, `${prelude}\n${Object.values(texts)[index]}`)));
  const script = `
    import { createTestReport } from ${JSON.stringify(import.meta.resolve('./testReport.ts'))};
    import { runTestFiles } from ${JSON.stringify(import.meta.resolve('./testRunner.ts'))};
    const report = createTestReport((line) => console.log(line), ${JSON.stringify(dir)});
    await runTestFiles(${JSON.stringify(files)}, { report, fileTimeoutMs: ${fileTimeoutMs}, concurrency: 2 });
    console.log(report.summarize());
  `;
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  await writeFile(join(dir, 'run.mjs'), script);
  const args = ['--import', import.meta.resolve('tsx'), join(dir, 'run.mjs')];
  const output = await new Promise<string>((resolve, reject) => {
    execFile(process.execPath, args, { env }, (error, stdout) => (error ? reject(error) : resolve(stdout)));
  });
  const lines = output.trimEnd().split('\n');
  return { ok: lines.pop() === 'true', lines };
}

test('every test counts once, suites do not, and the last line is the counts', async (t) => {
  const { ok, lines } = await runOn(t, {
    'a.test.mjs': "test('one', () => {}); describe('both', () => { test('two', () => {}); test('three', () => {}); });",
    'b.test.mjs': "test('four', () => {}); test('later', { skip: 'no engine' }, () => {});",
  });
  assert.equal(lines.at(-1), '4 passed, 0 failed, 1 skipped');
  assert.ok(ok);
});

test('a failure is told with its message and what its file wrote', async (t) => {
  const { ok, lines } = await runOn(t, {
    'a.test.mjs':
      "describe('suite', () => { test('bad', () => { console.log('a hint'); throw new Error('boom'); }); });",
  });
  assert.equal(lines.at(-1), '0 passed, 1 failed');
  assert.ok(!ok);
  assert.match(lines.join('\n'), /a\.test\.mjs: bad\n.*Error: boom.*a hint/s);
});

test('a file that cannot be loaded, or has no tests, or tested nothing but skipped, is no success', async (t) => {
  const broken = await runOn(t, { 'a.test.mjs': "import './nothing.mjs';", 'b.test.mjs': "test('fine', () => {});" });
  assert.equal(broken.lines.at(-1), '1 passed, 1 failed');
  const empty = await runOn(t, { 'a.test.mjs': '' });
  assert.equal(empty.lines.at(-1), '0 passed, 1 failed');
  const skipped = await runOn(t, { 'a.test.mjs': "test('x', { skip: true }, () => {});" });
  assert.equal(skipped.lines.at(-1), '0 passed, 0 failed, 1 skipped');
  assert.deepEqual([broken.ok, empty.ok, skipped.ok], [false, false, false]);
});

test('a file that does not end is ended, and said so', async (t) => {
  const { ok, lines } = await runOn(
    t,
    { 'a.test.mjs': "test('waits', () => new Promise((resolve) => setTimeout(resolve, 60_000)));" },
    1_000,
  );
  assert.ok(!ok);
  assert.match(lines.join('\n'), /a\.test\.mjs.*timed out after 1000/s);
});
