/**
 * `systemd-analyze calendar` as the judge: which expressions there are, their normal form, and when they elapse.
 *
 * The seeds are fixed: of `*:1/18` after 23:59:59, systemd 252 forgets 00:01, since a minute that runs over the day's end
 * keeps its rest there. Ours does not.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatCalendar, parseCalendar } from './calendar.ts';
import { nextElapse } from './calendarNext.ts';
import { anyCalendar } from './testing/calendarSamples.ts';
import { run } from './testing/systemdJudge.ts';

const isThere = await run('systemd-analyze', ['--version']).then(
  () => true,
  () => false,
);
const skip = isThere || process.env.FLOTILLA_REQUIRE_SYSTEMD === '1' ? false : 'systemd-analyze is not installed';
const iterations = 4;

interface Verdict {
  form: string;
  /** Whole seconds, of which systemd shows UTC. */
  elapses: number[];
}

/** What systemd makes of the expressions; null where it refuses one. */
async function judge(texts: string[], base: string, zone: string): Promise<(Verdict | null)[]> {
  const args = ['calendar', `--iterations=${iterations}`, `--base-time=${base}`, '--', ...texts];
  const env = { ...process.env, TZ: zone, LC_ALL: 'C' };
  // It exits with 1 where it refuses one, and goes on with the others.
  const { stdout, stderr } = await run('systemd-analyze', args, { env, maxBuffer: 1 << 28 }).catch((error: unknown) => {
    if (error instanceof Error && 'stdout' in error && 'stderr' in error) {
      return { stdout: String(error.stdout), stderr: String(error.stderr) };
    }
    throw error;
  });
  const refused = Array.from(stderr.matchAll(/specification '(.*)': /g), ([, text]) => text);
  const told = stdout.split(/(?=^ *(?:Original|Normalized) form: )/m);
  const verdicts: Verdict[] = [];
  for (const block of told) {
    const [, form] = /^Normalized form: (.*)$/m.exec(block) ?? [];
    if (form === undefined) continue;
    verdicts.push({ form, elapses: elapsesIn(block) });
  }
  assert.equal(verdicts.length + refused.length, texts.length);
  return texts.map((text) => {
    if (text !== refused[0]) return verdicts.shift() ?? null;
    refused.shift();
    return null;
  });
}

/** Each time is told in the local zone, and again in UTC where that is another. */
function elapsesIn(block: string): number[] {
  const times = Array.from(block.matchAll(/(?:Next elapse|Iter\. #\d+|\(in UTC\)): \w+ ([\d-]+) ([\d:]+) (\S+)/g));
  const utc = times.filter(([, , , zone]) => zone === 'UTC');
  return utc.map(([, day, clock]) => Date.parse(`${day}T${clock}Z`) / 1000);
}

function ours(text: string, base: string, zone: string): Verdict | null {
  const parsed = parseCalendar(text);
  if ('error' in parsed) return null;
  const elapses: number[] = [];
  let usec: number | null = Date.parse(`${base.replace(' UTC', 'Z').replace(' ', 'T')}`) * 1000;
  while (elapses.length < iterations) {
    usec = nextElapse(parsed.value, usec, zone);
    if (usec === null) break;
    elapses.push(Math.floor(usec / 1_000_000));
  }
  return { form: formatCalendar(parsed.value), elapses };
}

/** Of a list counted from the month's end, systemd 252 takes three days more off the limit with every entry. */
function isLateList(text: string): boolean {
  const parsed = parseCalendar(text);
  return 'value' in parsed && parsed.value.fromMonthEnd && parsed.value.fields.day.length > 1;
}

describe('calendar expressions, judged by systemd', { skip }, () => {
  const seed = { seed: 252, numRuns: 400 };
  const places: [zone: string, base: string][] = [
    ['UTC', '2026-11-26 01:02:03 UTC'],
    ['UTC', '2028-02-28 23:59:59 UTC'],
    ['Europe/Berlin', '2026-03-28 20:10:00 UTC'],
    ['Europe/Berlin', '2026-10-24 22:40:00 UTC'],
    ['America/New_York', '2026-03-08 05:10:00 UTC'],
    ['America/New_York', '2026-11-01 04:10:00 UTC'],
    ['Asia/Kolkata', '2025-12-31 18:00:00 UTC'],
  ];
  for (const [index, [zone, base]] of places.entries()) {
    it(`in ${zone} after ${base}`, async (test) => {
      const texts = [...new Set(fc.sample(anyCalendar, { ...seed, seed: seed.seed + index }))];
      const verdicts = await judge(texts, base, zone);
      const refused = verdicts.filter((verdict) => verdict === null).length;
      test.diagnostic(`${texts.length} expressions, ${refused} of them refused`);
      for (const [each, text] of texts.entries()) {
        if (verdicts[each] === null && isLateList(text)) continue;
        assert.deepEqual(ours(text, base, zone), verdicts[each], `${text} (${zone}, ${base})`);
      }
      assert.ok(refused > 20 && refused < texts.length / 2);
    });
  }
});
