import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, delay } from '../../shared/clock/clock.ts';
import type { UnitReport } from '../../shared/domain/events.ts';
import { readIfThere } from '../../shared/embedded/files.ts';
import type { Assignment } from '../../shared/protocol/node.ts';

/** What a node remembers on its own disk, so that it goes on where it was when it starts without a network. */
export interface NodeMemory {
  /** Boot of the machine that it is about. */
  bootId: string;
  assignment: Assignment | null;
  /** Units that were at rest (dead, failed, exited), and how. */
  rest: UnitReport[];
}

export interface NodeStore {
  load(): Promise<NodeMemory>;
  /** Asks for the memory to be written; asking often writes seldom. `memory` is called when it is. */
  save(memory: () => NodeMemory): void;
  /** Resolves once everything asked for is written: where the disk does not take it, when it does at last. */
  flush(): Promise<void>;
}

/** At most so often it is written, ms. */
const pauseMs = 100;
/** What the disk did not take is tried again after this long, ms. */
const retryMs = 1_000;

const nothing: NodeMemory = { bootId: '', assignment: null, rest: [] };

/** The place that the memory is written to, whole. */
export interface NodeDisk {
  /** Null: nothing was written yet. */
  read(): Promise<string | null>;
  write(text: string): Promise<void>;
}

/** `node.json` in the node's directory, for its owner alone. */
export function nodeDisk(directory: string): NodeDisk {
  const path = join(directory, 'node.json');
  return {
    read: () => readIfThere(path),
    write: async (text) => {
      await writeFile(`${path}.new`, text, { mode: 0o600 });
      await rename(`${path}.new`, path);
    },
  };
}

export interface NodeStoreOptions {
  disk: NodeDisk;
  clock: Clock;
  onError: (error: unknown) => void;
}

/**
 * Keeps the memory on the disk; what is not written yet is found again in the runtimes' traces. What cannot be read is
 * told to `onError`, and counts as nothing; what cannot be written is told, and tried again until it is.
 */
export function createNodeStore({ disk, clock, onError }: NodeStoreOptions): NodeStore {
  let writing: Promise<void> | null = null;
  let wanted: (() => NodeMemory) | null = null;
  let hurry = new AbortController();

  /** The whole memory is written each time; what changes meanwhile goes together. */
  async function writeAll(): Promise<void> {
    let isTold = false;
    while (wanted) {
      const memory = wanted;
      wanted = null;
      try {
        await disk.write(JSON.stringify(memory()));
        isTold = false;
        await delay(clock, pauseMs, hurry.signal);
      } catch (error) {
        wanted ??= memory;
        if (!isTold) onError(error);
        isTold = true;
        await delay(clock, retryMs);
      }
    }
    writing = null;
  }

  return {
    async load() {
      try {
        const text = await disk.read();
        return text === null ? nothing : parseMemory(text);
      } catch (error) {
        onError(error);
        return nothing;
      }
    },
    save(memory) {
      wanted = memory;
      writing ??= writeAll();
    },
    async flush() {
      hurry.abort();
      while (writing) await writing;
      hurry = new AbortController();
    },
  };
}

/** @throws {SyntaxError} it is none. */
function parseMemory(text: string): NodeMemory {
  const { bootId, assignment, rest } = JSON.parse(text) ?? {};
  const isMemory = typeof bootId === 'string' && typeof assignment === 'object' && Array.isArray(rest);
  if (!isMemory) throw new SyntaxError("the node's memory does not have its shape");
  return { bootId, assignment, rest };
}
