/** A small disk: an ext4 file system in a file. It can be filled, and it can lose power. */
import { mkdir, open, rm, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../../shared/embedded/runCommand.ts';

const timeoutMs = 60_000;
const shutDownProgram = fileURLToPath(new URL('shutDown.pl', import.meta.url));

/** Most of it at once; others write meanwhile, so that it may be too much, and what is left is taken as far as it goes. */
const fillProgram = 'fallocate --length "$1" "$2" 2>/dev/null; cat /dev/zero >"$2.rest" 2>/dev/null; true';

export class Disk {
  /** Where it is mounted. */
  readonly dir: string;
  readonly #image: string;

  private constructor(dir: string) {
    this.dir = dir;
    this.#image = `${dir}.img`;
  }

  /** Makes and mounts one. */
  static async create(dir: string, megabytes: number): Promise<Disk> {
    const disk = new Disk(dir);
    await mkdir(dirname(dir), { recursive: true });
    const image = await open(disk.#image, 'w');
    await image.truncate(megabytes << 20);
    await image.close();
    await runCommand('mkfs.ext4', ['-q', '-F', '-m', '0', disk.#image], { timeoutMs });
    await mkdir(dir);
    await disk.mount();
    return disk;
  }

  async mount(): Promise<void> {
    await runCommand('mount', ['-o', 'loop,noatime', this.#image, this.dir], { timeoutMs });
  }

  /** Leaves no byte free. */
  async fill(): Promise<void> {
    const { bavail, bsize } = await statfs(this.dir);
    if (bavail === 0) return;
    const most = String(Math.max(1, bavail - 4) * bsize);
    await runCommand('sh', ['-c', fillProgram, 'sh', most, this.#filler()], { timeoutMs });
  }

  async empty(): Promise<void> {
    await rm(this.#filler(), { force: true });
    await rm(`${this.#filler()}.rest`, { force: true });
  }

  /**
   * What was not synced is lost, as in a power cut: the file system takes no more writes, and writes nothing back. Then it
   * can only be unmounted; {@link mount} recovers what is in its journal.
   */
  async losePower(): Promise<void> {
    await runCommand('perl', [shutDownProgram, this.dir], { timeoutMs });
  }

  async unmount(): Promise<void> {
    await runCommand('umount', [this.dir], { timeoutMs });
  }

  #filler(): string {
    return join(this.dir, 'filler');
  }
}
