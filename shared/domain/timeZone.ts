/** Wall clocks of the time zone database, as Intl knows it: from instants to what a clock shows there, and back. */

const usecPerMinute = 60_000_000;

/** What a clock shows, as if it were UTC: microseconds since 1970. */
export type WallTime = number;

/** A name of the time zone database, such as `Europe/Berlin`, spelt as it is there. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z][\w/+-]*$/.test(name)) return false;
  try {
    const canonical = formatterOf(name).resolvedOptions().timeZone;
    return canonical === name || canonical.toLowerCase() !== name.toLowerCase();
  } catch {
    return false;
  }
}

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterOf(zone: string): Intl.DateTimeFormat {
  const known = formatters.get(zone);
  if (known) return known;
  const numeric = 'numeric' as const;
  const fields = { year: numeric, month: numeric, day: numeric, hour: numeric, minute: numeric, second: numeric };
  const made = new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', calendar: 'gregory', ...fields });
  formatters.set(zone, made);
  return made;
}

/** What the clocks of the zone show at an instant (microseconds since 1970). */
export function wallTimeAt(usec: number, zone: string): WallTime {
  return usec + offsetAt(usec, zone);
}

/** How far ahead of UTC the zone is at an instant, microseconds. */
function offsetAt(usec: number, zone: string): number {
  if (zone === 'UTC') return 0;
  const seconds = Math.floor(usec / 1_000_000);
  const shown: Record<string, number> = {};
  for (const { type, value } of formatterOf(zone).formatToParts(seconds * 1000)) shown[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = shown;
  return (Date.UTC(year, month - 1, day, hour, minute, second) / 1000 - seconds) * 1_000_000;
}

/**
 * The instants at which the zone's clocks show this, in order: none where they are put forward over it, two where they
 * are put back over it.
 */
export function instantsOf(wall: WallTime, zone: string): number[] {
  const day = 1440 * usecPerMinute;
  const offsets = new Set([offsetAt(wall - day, zone), offsetAt(wall + day, zone)]);
  const instants = [...offsets].map((offset) => wall - offset);
  return instants.filter((usec) => wallTimeAt(usec, zone) === wall).sort((a, b) => a - b);
}

/** The first wall time after one that no clock shows: where the clocks go on. */
export function endOfGap(wall: WallTime, zone: string): WallTime {
  const day = 1440 * usecPerMinute;
  let before = wall - day;
  let after = wall + day;
  // Between these instants the offset changes; clocks are put forward at whole seconds.
  const earlier = offsetAt(before, zone);
  while (after - before > 1_000_000) {
    const middle = Math.floor((before + after) / 2_000_000) * 1_000_000;
    if (offsetAt(middle, zone) === earlier) before = middle;
    else after = middle;
  }
  return wallTimeAt(Math.floor(after / 1_000_000) * 1_000_000, zone);
}
