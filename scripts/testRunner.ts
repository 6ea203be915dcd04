import { resolve } from 'node:path';
import { finished } from 'node:stream/promises';
import { run } from 'node:test';
import type { TestReport } from './testReport.ts';

/**
 * Runs test files, so many at a time, each in a process of its own that inherits this one's `--import tsx`. A file that
 * does not end in time is a failure, and its process is ended.
 */
export async function runTestFiles(
  files: readonly string[],
  { report, fileTimeoutMs, concurrency }: { report: TestReport; fileTimeoutMs: number; concurrency: number },
): Promise<void> {
  if (files.length === 0) return;
  const stream = run({ files: files.map((file) => resolve(file)), concurrency, timeout: fileTimeoutMs });
  stream.on('test:pass', (test) => report.add(test, true));
  stream.on('test:fail', (test) => report.add(test, false));
  // Without a file it is a count that the runner makes itself.
  stream.on('test:diagnostic', ({ file, message }) => file !== undefined && report.addNote(file, message));
  stream.on('test:stdout', ({ file, message }) => report.addOutput(file ?? '', message));
  stream.on('test:stderr', ({ file, message }) => report.addOutput(file ?? '', message));
  await finished(stream.resume());
}
