/** When a timer elapses next: systemd.timer(5). */
import { nextElapse } from '../../../shared/domain/calendarNext.ts';
import type { MonotonicKind, TimerSpec, TimerTrigger } from '../../../shared/domain/timer.ts';

/** What a timer knows when it looks ahead. Ages say how long ago something was, ms; null: it was not. */
export interface TimerFacts {
  /** Wall clock, ms since 1970. */
  now: number;
  /** Wall clock, ms since 1970: from when on what elapses is not to be missed. */
  since: number;
  /** When it last started its unit, ms since 1970. */
  last: number | null;
  ages: Record<MonotonicKind, number | null>;
  /** By how much each elapse is put off, ms. */
  delayMs: number;
  /** The machine's time zone. */
  localZone: string;
}

/** In how many ms it elapses (0: now, or it should have); null: never again, unless its unit starts or ends. */
export function planTimer(spec: TimerSpec, facts: TimerFacts): number | null {
  const waits = spec.triggers.map((trigger) => waitFor(trigger, spec, facts)).filter((wait) => wait !== null);
  return waits.length === 0 ? null : Math.max(0, Math.min(...waits) + facts.delayMs);
}

function waitFor(trigger: TimerTrigger, spec: TimerSpec, facts: TimerFacts): number | null {
  const { now, since, last, ages, localZone } = facts;
  if (trigger.kind === 'calendar') {
    const from = spec.persistent ? (last ?? since) : Math.max(last ?? 0, since);
    const next = nextElapse(trigger.calendar, from * 1000, localZone);
    return next === null ? null : Math.ceil(next / 1000) - now;
  }
  const sinceTrigger = last === null ? null : Math.max(0, now - last);
  const isOnce = trigger.kind === 'active' || trigger.kind === 'boot';
  const age = isOnce ? ages[trigger.kind] : younger(ages[trigger.kind], sinceTrigger);
  if (age === null) return null;
  const wait = trigger.afterMs - age;
  // What elapses once is over when the unit has been started since.
  const isOver = isOnce && sinceTrigger !== null && sinceTrigger <= -wait;
  return isOver ? null : wait;
}

function younger(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.min(a, b);
}

/** It goes by when its unit was started or ended. */
export function followsUnit({ triggers }: TimerSpec): boolean {
  return triggers.some(({ kind }) => kind === 'unitActive' || kind === 'unitInactive');
}

/** The delay of `RandomizedDelaySec=`; `FixedRandomDelay=yes`: always the same for a unit, on whatever machine it is. */
export function delayOf(spec: TimerSpec, name: string, random: () => number): number {
  const share = spec.fixedRandomDelay ? shareOf(name) : random();
  return Math.floor(share * spec.randomizedDelayMs);
}

/** A number from 0 to 1 that a name always has (FNV-1a, stirred). */
function shareOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
  return ((hash ^ (hash >>> 15)) >>> 0) / 2 ** 32;
}
