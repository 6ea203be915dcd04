import { splitWords } from './quoting.ts';
import type { Parsed } from './values.ts';

/** More processors than any machine has: systemd's own limit. */
const mostCpus = 8192;

/** `0-3 5,7`: processors or memory nodes by number, sorted. systemd.exec(5), "CPUAffinity="; cpuset(7), "List format". */
export function parseCpuSet(text: string): Parsed<number[]> {
  const { words, error } = splitWords(text.replaceAll(',', ' '), 'keep');
  if (error !== undefined) return { error: `cannot be read: ${error}` };
  const numbers = new Set<number>();
  for (const word of words) {
    const [, from = '', to = from] = /^(\d+)(?:-(\d+))?$/.exec(word) ?? [];
    if (from === '') return { error: `has ${JSON.stringify(word)} in it, which is neither a number nor a range` };
    const [first, last] = [Number(from), Number(to)];
    if (first > last) return { error: `has the range ${word}, which ends before it begins` };
    if (last >= mostCpus) return { error: `has a number above ${mostCpus - 1} in it` };
    for (let number = first; number <= last; number++) numbers.add(number);
  }
  return { value: [...numbers].sort((a, b) => a - b) };
}

/** `0-3,5`, as the kernel and docker write it. */
export function formatCpuSet(numbers: readonly number[]): string {
  const ranges: [first: number, last: number][] = [];
  for (const number of numbers) {
    const range = ranges.at(-1);
    if (range && number === range[1] + 1) range[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}
