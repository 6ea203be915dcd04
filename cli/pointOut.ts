import { printable } from '../shared/domain/problem.ts';
import type { FileProblem } from './unitFiles.ts';

const longestLine = 160;

/** A problem as compilers tell it: where, what, the line itself, and a caret under what is meant. */
export function pointOut({ path, severity, message, line, column, width = 1, excerpt }: FileProblem): string[] {
  const place = [path, line, column].filter((part) => part !== undefined).join(':');
  const head = printable(`${place}: ${severity}: ${message}`);
  if (line === undefined || excerpt === undefined) return [head];
  const margin = `${line}`.padStart(5);
  const shown = `${margin} | ${printable(excerpt.slice(0, longestLine))}`;
  if (column === undefined || column > longestLine) return [head, shown];
  const length = Math.max(1, Math.min(width, excerpt.length - column + 1, longestLine - column + 1));
  // Tabs stay tabs, so that the caret stands where they end.
  const blank = excerpt.slice(0, column - 1).replaceAll(/[^\t]/g, ' ');
  return [head, shown, `${' '.repeat(margin.length)} | ${blank}^${'~'.repeat(length - 1)}`];
}
