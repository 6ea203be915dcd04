/**
 * Where a unit's messages come in, and what was said in them is kept: a directory of its own below one that goes with the
 * machine's boot, since both are for this boot alone. Paths of sockets may have 107 bytes, so names are short.
 */
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, statSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type NoticeSource, type Notices, noNotices, parseNotices } from './notices.ts';

/** The same directory for the same owner of units, also after a restart of the agent. */
export function boardsOf(owner: string): string {
  const uid = process.getuid?.() ?? 0;
  const base = uid === 0 ? '/run/flotilla' : join(tmpdir(), `flotilla-${uid}`);
  return join(base, shortName(owner));
}

function shortName(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

export class NoticeBoard implements NoticeSource {
  readonly directory: string;
  readonly #report: (error: Error) => void;

  /** @param report told of what goes wrong while it is watched. */
  constructor(boards: string, unit: string, report: (error: Error) => void) {
    this.directory = join(boards, shortName(unit));
    this.#report = report;
  }

  /** Alone in its directory, which can be shown to a container. */
  get socketDirectory(): string {
    return join(this.directory, 's');
  }

  get socket(): string {
    return join(this.socketDirectory, 'notify');
  }

  get notices(): string {
    return join(this.directory, 'notices');
  }

  /** Held by who receives for a container; whoever holds it ends when it is removed. */
  get lock(): string {
    return `${this.notices}.lock`;
  }

  exists(): boolean {
    return existsSync(this.directory);
  }

  /**
   * Makes it anew, empty. The socket is bound by whoever receives.
   * @param reach who gets to the socket: every user of the machine, or only what has its directory mounted.
   */
  prepare(reach: 'machine' | 'mount'): void {
    this.remove();
    const boards = dirname(this.directory);
    const above = reach === 'machine' ? 0o711 : 0o700;
    makeBase(boards);
    for (const path of [boards, this.directory]) makeDirectory(path, above);
    makeDirectory(this.socketDirectory, 0o711);
  }

  /** What was said stays; nobody listens any more. */
  close(): void {
    rmSync(this.lock, { force: true });
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
    try {
      rmdirSync(dirname(this.directory));
    } catch (error) {
      // There never was one, or other units have theirs in it.
      const { code = '' } = error as NodeJS.ErrnoException;
      if (!['ENOENT', 'ENOTEMPTY'].includes(code)) throw error;
    }
  }

  current(): Notices {
    try {
      return parseNotices(readFileSync(this.notices, 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return noNotices;
      throw error;
    }
  }

  watch(onChange: () => void): () => void {
    if (!this.exists()) return () => undefined;
    try {
      const watcher = watch(this.directory, { persistent: false }, (_, name) => {
        if (name === null || name === 'notices') onChange();
      });
      watcher.on('error', this.#report);
      return () => watcher.close();
    } catch (error) {
      // Out of inotify watches, most likely.
      this.#report(error as Error);
      const timer = setInterval(onChange, pollMs).unref();
      return () => clearInterval(timer);
    }
  }
}

/** The directory that boards of all kinds are in: services run as other users, and have to get through. */
export function makeBase(boards: string): void {
  makeDirectory(dirname(boards), 0o711);
}

/** With these rights at the least, whatever the umask says, and whoever made it. */
function makeDirectory(path: string, mode: number): void {
  mkdirSync(path, { recursive: true, mode });
  const given = statSync(path).mode & 0o777;
  if ((given & mode) !== mode) chmodSync(path, given | mode);
}

const pollMs = 1_000;
