/** One thing that is wrong, or noteworthy, in a unit file. */
export interface Problem {
  severity: 'error' | 'warning';
  /** 1 is the first; absent where the file as a whole is meant. */
  line?: number;
  /** What is wrong, with what, and what to do: one sentence. */
  message: string;
}

export function formatProblem(file: string, problem: Problem): string {
  return `${file}${problem.line === undefined ? '' : `:${problem.line}`}: ${problem.severity}: ${problem.message}`;
}
