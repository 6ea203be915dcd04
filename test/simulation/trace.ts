import { createHash } from 'node:crypto';

/** Everything that can be seen of a run, in order: two runs of one schedule have the same hash. */
export class Trace {
  readonly lines: string[] = [];

  add(atMs: number, what: string): void {
    this.lines.push(`${atMs.toFixed(3)} ${what}`);
  }

  /** 16 hex digits. */
  hash(): string {
    const hash = createHash('sha256');
    for (const line of this.lines) hash.update(line).update('\n');
    return hash.digest('hex').slice(0, 16);
  }
}
