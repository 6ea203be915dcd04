// The process in which `hunt.ts` plays days on mutated sources: of seeds (the first, how many, perhaps of which plot), or
// the one in a file.
import { readFile } from 'node:fs/promises';
import { generateSchedule } from './generate.ts';
import { searchSchedules } from './search.ts';

console.log(JSON.stringify(await searchSchedules(await chosen(), { stopAtFirst: true })));

async function chosen() {
  const [what = '1', count = '1', plot] = process.argv.slice(2);
  if (what.endsWith('.json')) return [JSON.parse(await readFile(what, 'utf8'))];
  const schedules = Array.from({ length: Number(count) }, (_, i) => generateSchedule(Number(what) + i));
  return plot ? schedules.filter((schedule) => schedule.plot === plot) : schedules;
}
