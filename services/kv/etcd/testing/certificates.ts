import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);
const script = resolve(import.meta.dirname, '../../../../examples/production/make-certificates.sh');

/** An authority and certificates of its own, one of each name, until the test ends. Resolves with their directory. */
export async function makeCertificates(t: Pick<TestContext, 'after'>, ...names: string[]): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-certificates-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  await run('sh', [script, ...names], { cwd: dir });
  return dir;
}
