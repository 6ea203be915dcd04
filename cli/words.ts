/** How machines, units and states are called in what people read. */
import type { UnitStateView } from '../shared/domain/views.ts';

const shownIdLength = 8;
const shownHashLength = 7;

/** `113f16a7…`, as fleet shows machine ids. */
export function shortId(id: string): string {
  return id.length > shownIdLength ? `${id.slice(0, shownIdLength)}…` : id;
}

export function shortHash(hash: string): string {
  return hash.slice(0, shownHashLength);
}

/** `113f16a7…/127.0.0.1`; `full`: the whole id. */
export function placeOf({ machine, ip }: { machine: string | null; ip: string | null }, full = false): string {
  if (machine === null) return '-';
  const id = full ? machine : shortId(machine);
  return ip === null ? id : `${id}/${ip}`;
}

/** `active (running)`, as systemctl has it; with a health check `active (running, healthy)`. */
export function stateOf({ active, sub, health }: Pick<UnitStateView, 'active' | 'sub' | 'health'>): string {
  return `${active} (${health === undefined ? sub : `${sub}, ${health}`})`;
}

/** Why a unit is as it is: `main process exited with status 1 (exit-code)`. */
export function explain({ reason, result }: Pick<UnitStateView, 'reason' | 'result'>): string {
  const shown = result === '' || result === 'success' || reason.includes(result) ? '' : `(${result})`;
  return [reason, shown].filter((part) => part !== '').join(' ') || 'no reason is known';
}

/** `1 machine`, `3 machines`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** `3min 12s`, `2d 4h`: the two largest units of a span, as systemctl shows how long ago something was. */
export function describeSpan(ms: number): string {
  const units: [name: string, seconds: number][] = [
    ['d', 86_400],
    ['h', 3_600],
    ['min', 60],
    ['s', 1],
  ];
  let left = Math.max(0, Math.floor(ms / 1000));
  const parts: string[] = [];
  for (const [name, seconds] of units) {
    const whole = Math.floor(left / seconds);
    if (whole > 0) parts.push(`${whole}${name}`);
    left -= whole * seconds;
  }
  return parts.slice(0, 2).join(' ') || '0s';
}

/** `113f16a7… (host)`. */
export function machineLabel({ id, hostname }: { id: string; hostname: string }): string {
  return `${shortId(id)} (${hostname})`;
}
