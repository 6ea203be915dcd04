import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { BackupDamagedError, type Entry, type Head, magic } from './entries.ts';
import { seal } from './seal.ts';

const newline = 10;

/**
 * The entries of a backup, one after the other; each one's own checksum is right when it is handed over, and that of the
 * whole file when the last one was.
 * @throws {BackupDamagedError} it says where.
 */
export async function* readBackup(path: string): AsyncGenerator<{ entry: Entry; data: Uint8Array }> {
  const cursor = new Cursor(path);
  const first = await cursor.line();
  if (first !== magic) throw new BackupDamagedError(`${path} is no backup of Flotilla`);
  for (;;) {
    const at = cursor.offset;
    const head = parseHead(await cursor.line(), at, path);
    const { bytes, sha256, ...entry } = head;
    const data = bytes === undefined ? new Uint8Array() : await cursor.take(bytes);
    if (seal(entry, bytes === undefined ? undefined : data).sha256 !== sha256) {
      throw new BackupDamagedError(`${path} was changed in what begins at byte ${at}: it does not have its checksum`);
    }
    if (entry.kind === 'end') await cursor.checkSum();
    yield { entry, data };
    if (entry.kind === 'end') return;
  }
}

function parseHead(line: string, at: number, path: string): Head {
  try {
    const head = JSON.parse(line);
    if (typeof head?.kind === 'string') return head;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new BackupDamagedError(`${path} was changed at byte ${at}: that is no entry of a backup`);
}

/** Goes through the file once, a block at a time. */
class Cursor {
  offset = 0;
  readonly #path: string;
  readonly #blocks: AsyncIterator<Buffer>;
  readonly #hash: Hash = createHash('sha256');
  #rest = Buffer.alloc(0);

  constructor(path: string) {
    this.#path = path;
    this.#blocks = createReadStream(path, { highWaterMark: 1 << 20 })[Symbol.asyncIterator]();
  }

  /** Without its end. */
  async line(): Promise<string> {
    let end = this.#rest.indexOf(newline);
    while (end < 0) {
      const searched = this.#rest.length;
      await this.#more();
      end = this.#rest.indexOf(newline, searched);
    }
    return this.#cut(end + 1).toString('utf8', 0, end);
  }

  /** Bytes, and the line's end after them. */
  async take(bytes: number): Promise<Buffer> {
    while (this.#rest.length < bytes + 1) await this.#more();
    return this.#cut(bytes + 1).subarray(0, bytes);
  }

  /** The last line: the checksum of all that was read, and nothing after it. */
  async checkSum(): Promise<void> {
    const expected = this.#hash.copy().digest('hex');
    if ((await this.line()) !== expected) {
      throw new BackupDamagedError(`${this.#path} was changed: the file as a whole does not have its checksum`);
    }
    const after = await this.#blocks.next();
    if (this.#rest.length > 0 || !after.done) {
      throw new BackupDamagedError(`${this.#path} was changed: there is something after byte ${this.offset}, its end`);
    }
  }

  #cut(bytes: number): Buffer {
    const piece = this.#rest.subarray(0, bytes);
    this.#rest = this.#rest.subarray(bytes);
    this.#hash.update(piece);
    this.offset += bytes;
    return piece;
  }

  async #more(): Promise<void> {
    const { value, done } = await this.#blocks.next();
    if (done) {
      const end = this.offset + this.#rest.length;
      throw new BackupDamagedError(
        `${this.#path} is cut off at byte ${end}: what begins at byte ${this.offset} is not whole`,
      );
    }
    this.#rest = Buffer.concat([this.#rest, value]);
  }
}
