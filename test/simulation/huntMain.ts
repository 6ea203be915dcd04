// The process in which `hunt.ts` plays days on mutated sources: of seeds (the first, how many, perhaps of which plot), or
// the one in a file (with how many seeds).
import { readFile } from 'node:fs/promises';
import { generateSchedule } from './generate.ts';
import type { Schedule } from './schedule.ts';
import { searchSchedules } from './search.ts';

console.log(JSON.stringify(await searchSchedules(await chosen(), { stopAtFirst: true })));

async function chosen() {
  const [what = '1', count = '1', plot] = process.argv.slice(2);
  const numbers = Array.from({ length: Number(count) }, (_, i) => i);
  if (what.endsWith('.json')) {
    const schedule: Schedule = JSON.parse(await readFile(what, 'utf8'));
    return numbers.map((i) => ({ ...schedule, seed: schedule.seed + i }));
  }
  const schedules = numbers.map((i) => generateSchedule(Number(what) + i));
  return plot ? schedules.filter((schedule) => schedule.plot === plot) : schedules;
}
