import { createHash } from 'node:crypto';
import { writeWhole } from '../wholeFile.ts';
import { type Entry, magic } from './entries.ts';
import { seal } from './seal.ts';

export type WriteEntry = (entry: Entry, data?: Uint8Array) => Promise<void>;

const gatherBytes = 1 << 20;

/** Makes the file, whole or not at all. The last line is the SHA-256 of all before it. */
export function writeBackup(path: string, fill: (write: WriteEntry) => Promise<void>): Promise<void> {
  return writeWhole(path, async (file) => {
    const hash = createHash('sha256');
    let gathered: Uint8Array[] = [];
    let size = 0;
    const flush = async () => {
      const block = Buffer.concat(gathered);
      [gathered, size] = [[], 0];
      hash.update(block);
      await file.writeFile(block);
    };
    const gather = (piece: Uint8Array) => {
      gathered.push(piece);
      size += piece.length;
    };
    gather(Buffer.from(`${magic}\n`));
    await fill(async (entry, data) => {
      gather(Buffer.from(`${JSON.stringify(seal(entry, data))}\n`));
      if (data) for (const piece of [data, Buffer.from('\n')]) gather(piece);
      if (size >= gatherBytes) await flush();
    });
    await flush();
    await file.writeFile(`${hash.digest('hex')}\n`);
  });
}
