import { relative, resolve } from 'node:path';
import { inspect } from 'node:util';

/** What the runner says of one ended test, suite or file: the part of node:test's `test:pass` and `test:fail` used here. */
export interface EndedTest {
  name: string;
  nesting: number;
  file?: string;
  skip?: string | boolean;
  todo?: string | boolean;
  details: { duration_ms: number; type?: string; error?: Error };
}

export type Outcome = 'passed' | 'failed' | 'skipped';

interface Result {
  title: string;
  file: string;
  outcome: Outcome;
  durationMs: number;
  error?: Error;
}

/** Collects what the tests say, prints one line a test as they end, and the summary at the end. */
export interface TestReport {
  add(test: EndedTest, passed: boolean): void;
  /** What a test wants to be read, such as how much it compared. */
  addNote(file: string, text: string): void;
  /** What a test file wrote; shown only when one of its tests failed. */
  addOutput(file: string, text: string): void;
  /** Something that is not a test went wrong, and counts as one. */
  addFailure(title: string, error: Error): void;
  /** Prints failures in detail, the slowest tests, and as the last line the counts. True when all is well. */
  summarize(): boolean;
}

const marks: Record<Outcome, string> = { passed: '✔', failed: '✖', skipped: '﹣' };
const slowestShown = 3;

export function createTestReport(print: (line: string) => void, root = process.cwd()): TestReport {
  const results: Result[] = [];
  const outputs = new Map<string, string>();
  let heading = '';

  function head(file: string): void {
    if (file !== heading) print(file);
    heading = file;
  }

  function record(result: Result, nesting: number): void {
    head(result.file);
    print(`${'  '.repeat(nesting + 1)}${marks[result.outcome]} ${result.title} (${formatMs(result.durationMs)})`);
    results.push(result);
  }

  return {
    add(test, passed) {
      const file = relative(root, test.file ?? '') || 'tests';
      if (test.details.type === 'suite' && passed) return;
      const result = resultOf(test, passed, file);
      if (result !== null) record(result, test.nesting);
    },
    addNote(file, text) {
      head(relative(root, file));
      for (const line of text.split('\n')) print(`    · ${line}`);
    },
    addOutput(file, text) {
      const name = relative(root, file);
      outputs.set(name, (outputs.get(name) ?? '') + text);
    },
    addFailure: (title, error) => record({ title, file: 'tests', outcome: 'failed', durationMs: 0, error }, 0),
    summarize() {
      const failures = results.filter((result) => result.outcome === 'failed');
      printFailures(print, failures, outputs);
      print(`slowest: ${slowest(results)}`);
      print(counts(results));
      return failures.length === 0 && results.some((result) => result.outcome === 'passed');
    },
  };
}

/** Null: it only repeats that something inside it failed. */
function resultOf(test: EndedTest, passed: boolean, file: string): Result | null {
  const { duration_ms: durationMs, error } = test.details;
  const isFile = test.file !== undefined && resolve(test.file) === resolve(test.name);
  if (passed && isFile) {
    return { title: file, file, outcome: 'failed', durationMs, error: new Error('this file has no tests') };
  }
  if (error && 'failureType' in error && error.failureType === 'subtestsFailed') return null;
  const left = test.skip !== undefined || test.todo !== undefined;
  const outcome = left ? 'skipped' : passed ? 'passed' : 'failed';
  const why = typeof test.skip === 'string' && test.skip !== '' ? `: ${test.skip}` : '';
  return { title: test.name + why, file, outcome, durationMs, ...(error ? { error } : {}) };
}

function printFailures(print: (line: string) => void, failures: readonly Result[], outputs: Map<string, string>): void {
  for (const { file, title, error } of failures) {
    print(`\n✖ ${file}: ${title}`);
    print(indent(inspect(error?.cause ?? error)));
  }
  for (const file of new Set(failures.map((failure) => failure.file))) {
    const output = outputs.get(file);
    if (output) print(`\nwhat ${file} wrote:\n${indent(output.trimEnd())}`);
  }
}

function slowest(results: readonly Result[]): string {
  const byDuration = results.toSorted((a, b) => b.durationMs - a.durationMs).slice(0, slowestShown);
  return byDuration.map(({ title, durationMs }) => `${title} (${formatMs(durationMs)})`).join(', ') || 'none';
}

function counts(results: readonly Result[]): string {
  const count = (outcome: Outcome) => results.filter((result) => result.outcome === outcome).length;
  const skipped = count('skipped');
  return `${count('passed')} passed, ${count('failed')} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

function formatMs(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function indent(text: string): string {
  return text.replace(/^/gm, '    ');
}
