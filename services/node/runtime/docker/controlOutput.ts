/**
 * What control commands printed, what the runtime has to say about them, and the last words of containers that had to make
 * room for the unit's next one: nothing of it has a log at the engine, so the last lines of each unit are kept here for as
 * long as the agent runs.
 */
import type { Clock } from '../../../../shared/clock/clock.ts';
import type { StampedLine } from './lines.ts';

export interface ControlOutput {
  append(unit: string, text: string): void;
  /** Lines that were printed, and seen, before: of a container that is about to go. */
  keep(unit: string, lines: readonly StampedLine[]): void;
  recent(unit: string): readonly StampedLine[];
  /** Calls `listener` for each new line; returns what takes it off again. */
  subscribe(unit: string, listener: (line: StampedLine) => void): () => void;
  forget(unit: string): void;
}

const keptLines = 1000;

export function createControlOutput(clock: Clock): ControlOutput {
  const kept = new Map<string, StampedLine[]>();
  const listeners = new Map<string, Set<(line: StampedLine) => void>>();
  return {
    append(unit, text) {
      const stamp = new Date(clock.now()).toISOString();
      const line = { stamp, text };
      kept.set(unit, [...(kept.get(unit) ?? []), line].slice(-keptLines));
      for (const listener of listeners.get(unit) ?? []) listener(line);
    },
    keep: (unit, lines) => void kept.set(unit, [...(kept.get(unit) ?? []), ...lines].slice(-keptLines)),
    recent: (unit) => kept.get(unit) ?? [],
    subscribe(unit, listener) {
      const ofUnit = listeners.get(unit) ?? new Set();
      listeners.set(unit, ofUnit.add(listener));
      return () => {
        ofUnit.delete(listener);
        if (ofUnit.size === 0) listeners.delete(unit);
      };
    },
    forget: (unit) => void kept.delete(unit),
  };
}
