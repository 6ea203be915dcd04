import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { UnitReport } from '../../shared/domain/events.ts';
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
  /** Resolves once everything asked for is written. */
  flush(): Promise<void>;
}

/** At most so often it is written, ms. */
const pauseMs = 100;

const nothing: NodeMemory = { bootId: '', assignment: null, rest: [] };

/**
 * Keeps the memory in `node.json`, replaced whole; what is not written yet is found again in the runtimes' traces. A
 * file that cannot be read is told to `onError`, and counts as none.
 */
export function createNodeStore(directory: string, onError: (error: unknown) => void): NodeStore {
  const path = join(directory, 'node.json');
  let writing: Promise<void> | null = null;
  let wanted: (() => NodeMemory) | null = null;
  let hurry = new AbortController();

  /** The whole memory is written each time; what changes meanwhile goes together. */
  function pause(): Promise<void> {
    return sleep(pauseMs, undefined, { signal: hurry.signal, ref: false }).catch(() => undefined);
  }

  async function writeAll(): Promise<void> {
    try {
      while (wanted) {
        const memory = wanted;
        wanted = null;
        await writeFile(`${path}.new`, JSON.stringify(memory()), { mode: 0o600 });
        await rename(`${path}.new`, path);
        await pause();
      }
    } catch (error) {
      onError(error);
    } finally {
      writing = null;
    }
  }

  return {
    async load() {
      try {
        return parseMemory(await readFile(path, 'utf8'));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') onError(error);
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
