import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { pointOut } from './pointOut.ts';
import { checkFile } from './unitFiles.ts';

/** What `verify` says of a.service among these files. */
async function verified(t: TestContext, files: Record<string, string>): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-verify-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name)), { recursive: true });
    await writeFile(join(dir, name), text);
  }
  const file = await checkFile(join(dir, 'a.service'), 'a.service');
  return (file?.problems ?? []).flatMap(pointOut).join('\n').replaceAll(`${dir}/`, '');
}

test('a problem is told with its line, column, a caret under what is meant, and what to write instead', async (t) => {
  const text = '[Service]\n\tRestart = alwayss\nExecStart=/usr/bin/docker run --rn redis\nRestartSecs=3\n';
  const said = await verified(t, { 'a.service': text });
  assert.match(said, /^a\.service:2:12: error: .* is none of no, /m);
  assert.match(said, /^ {4}2 \| \tRestart = alwayss\n {6}\| \t {10}\^~{6}$/m);
  assert.match(said, /^a\.service:3:\d+: error: .*--rn/m);
  assert.match(said, /^ {6}\| {31}\^~~~$/m);
  assert.match(said, /^a\.service:4:1: error: .*did you mean RestartSec=\?/m);
});

test('a problem of a drop-in is told with the line of the drop-in', async (t) => {
  const said = await verified(t, {
    'a.service': '[Service]\nExecStart=/bin/true\nUMask=9',
    'a.service.d/10-first.conf': '# first\n[Service]\nUMask=22\n',
    'a.service.d/20-second.conf': '\n[Service]\nKillMode=none\nKillSignal=SIGNONE',
    'a.service.d/30-third.conf': 'KillMode=mixed\n[Service\n',
  });
  assert.match(
    said,
    /^a\.service\.d\/20-second\.conf:4:12: error: KillSignal=SIGNONE .*\n {4}4 \| KillSignal=SIGNONE\n/m,
  );
  assert.match(said, /^a\.service\.d\/30-third\.conf:1: error: .*stands in no section/m);
  assert.match(said, /^a\.service\.d\/30-third\.conf:2: error: .*is no section header/m);
  assert.doesNotMatch(said, /UMask/);
});

test('the caret stays in the line, whatever the file', async (t) => {
  const piece = fc.constantFrom(
    '[Service]\n',
    'ExecStart=',
    'Environment=',
    '\t',
    ' ',
    '"',
    '\\\n',
    '\n',
    'é😀',
    '=',
    '\x1b[1m',
    'x'.repeat(300),
  );
  const texts = fc.sample(
    fc.array(piece, { maxLength: 20 }).map((parts) => `[Service]\n${parts.join('')}`),
    { seed: 252, numRuns: 100 },
  );
  for (const text of texts) {
    const said = await verified(t, { 'a.service': text });
    for (const line of said.split('\n')) assert.ok(!/[^\P{Cc}\t]/u.test(line), JSON.stringify(line));
    const carets = said.split('\n').filter((line) => /^ +\| .*\^~*$/.test(line));
    for (const line of carets) assert.ok(line.length <= 170, line);
  }
});
