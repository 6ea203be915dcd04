import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { UnitReport } from '../../shared/domain/events.ts';
import type { Assignment } from '../../shared/protocol/node.ts';

/** What a node remembers on its own disk, so that it goes on where it was when it starts without a network. */
export interface NodeMemory {
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

const nothing: NodeMemory = { assignment: null, rest: [] };

/** Keeps the memory in `node.json`, replaced whole; what is not written yet is found again in the runtimes' traces. */
export function createNodeStore(directory: string, onError: (error: unknown) => void): NodeStore {
  const path = join(directory, 'node.json');
  let writing: Promise<void> | null = null;
  let wanted: (() => NodeMemory) | null = null;

  async function writeAll(): Promise<void> {
    while (wanted) {
      const memory = wanted;
      wanted = null;
      await writeFile(`${path}.new`, JSON.stringify(memory()), { mode: 0o600 });
      await rename(`${path}.new`, path);
    }
  }

  return {
    async load() {
      try {
        return JSON.parse(await readFile(path, 'utf8'));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') onError(error);
        return nothing;
      }
    },
    save(memory) {
      wanted = memory;
      writing ??= writeAll()
        .catch(onError)
        .finally(() => {
          writing = null;
        });
    },
    async flush() {
      while (writing) await writing;
    },
  };
}
