/** One thing that is wrong, or noteworthy, in a unit file. */
export interface Problem {
  severity: 'error' | 'warning';
  /** 1 is the first; absent where the file as a whole is meant. */
  line?: number;
  /** Where in that line, 1 being its first character (a UTF-16 code unit), and how many are meant. */
  column?: number;
  width?: number;
  /** What is wrong, with what, and what to do: one sentence. */
  message: string;
}

/** A problem in one line, for a terminal. */
export function formatProblem(file: string, problem: Problem): string {
  const place = problem.line === undefined ? file : `${file}:${problem.line}`;
  return printable(`${place}: ${problem.severity}: ${problem.message}`);
}

/** What could do something to a terminal is shown as `?`. */
export function printable(text: string): string {
  return text.replaceAll(/[^\P{Cc}\t]/gu, '?');
}
