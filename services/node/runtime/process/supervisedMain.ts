import { type FSWatcher, watch } from 'node:fs';
import type { Clock } from '../../../../shared/clock/clock.ts';
import type { NoticeSource } from '../notify/notices.ts';
import type { Exit, MainProcess } from '../runtime.ts';
import { outOfMemoryKills } from './limitGroups.ts';
import { isAlive } from './processTable.ts';
import { sendSignal, signalTree, untilEmpty } from './processTree.ts';
import { readRecord, type ShimRecord, signalNumber } from './shim.ts';

/**
 * A main process of which there is a record. Its end is in the record, written by the shim; when to look there is told
 * by whoever calls {@link check}: the agent that is the shim's parent, a watch on the file, a slow poll.
 */
export class SupervisedMain implements MainProcess {
  readonly exited: Promise<Exit>;
  readonly record: ShimRecord;
  readonly notices?: NoticeSource;
  readonly #path: string;
  readonly #clock: Clock;
  #resolveExited: (exit: Exit) => void = () => {};
  #watcher: FSWatcher | null = null;
  readonly #memoryWatchers = new Set<() => void>();
  #ended = false;
  #retired = false;

  constructor(path: string, record: ShimRecord, clock: Clock, notices?: NoticeSource) {
    this.#path = path;
    this.#clock = clock;
    if (notices) this.notices = notices;
    this.record = record;
    this.exited = new Promise((resolve) => {
      this.#resolveExited = resolve;
    });
  }

  get pid(): number {
    return this.notices?.current().mainPid ?? this.record.mainPid ?? this.record.shim.pid;
  }

  get token(): number {
    return this.record.token;
  }

  get invocation(): string | undefined {
    return this.record.invocation;
  }

  /** True while somebody should look whether it has ended. */
  get watched(): boolean {
    return !this.#ended && !this.#retired;
  }

  /** The cheap look: without the shim, it has ended, or is lost. */
  get shimGone(): boolean {
    return !isAlive(this.record.shim);
  }

  /** Looks whether it has ended. */
  async check(): Promise<void> {
    // First the shim, then its record: so an end that is written in between is not taken for a loss.
    const gone = this.shimGone;
    const exit = (await readRecord(this.#path))?.exit;
    if (exit) this.#end(exit);
    else if (gone) this.#end({ kind: 'lost', reason: 'the shim that watched it was killed' });
  }

  watchMemory(onKill: () => void): () => void {
    this.#memoryWatchers.add(onKill);
    return () => void this.#memoryWatchers.delete(onKill);
  }

  /** Looks whether the kernel has killed one of its processes for want of memory. */
  checkMemory(): void {
    if (this.#memoryWatchers.size === 0 || !this.watched || !this.#ranOutOfMemory()) return;
    for (const told of [...this.#memoryWatchers]) told();
  }

  /** Calls {@link check} when the record grows. What goes wrong is told to `report`; the next look may do better. */
  watchRecord(report: (error: Error) => void): void {
    try {
      this.#watcher = watch(this.#path, { persistent: false }, () => void this.check().catch(report));
      this.#watcher.on('error', report);
    } catch (error) {
      // Out of inotify watches, most likely.
      report(error as Error);
    }
  }

  /** Its pids mean nothing any more: it ended as the record says or, where that says nothing, as `exit` does. */
  outlived(exit: Exit): void {
    this.#end(this.record.exit ?? exit);
    this.retire();
  }

  /** The agent lets go of it, or another activation takes its place: no longer ours to watch or to signal. */
  retire(): void {
    this.#retired = true;
    this.#watcher?.close();
  }

  emptied(abort: AbortSignal): Promise<boolean> {
    return this.#retired ? Promise.resolve(true) : untilEmpty(this.record, this.#clock, abort);
  }

  async signal(name: string, to: 'main' | 'all'): Promise<void> {
    const number = signalNumber(name);
    if (this.#retired) return;
    if (to === 'all') return signalTree(this.record, number);
    // While the shim waits for it, no other process can have its pid.
    if (!this.#ended && isAlive(this.record.shim)) sendSignal(this.pid, number);
  }

  #end(end: Exit): void {
    // The groups are there until the next start clears them away.
    const exit = end.kind !== 'lost' && this.#ranOutOfMemory() ? { ...end, outOfMemory: true } : end;
    this.#ended = true;
    this.#watcher?.close();
    this.#resolveExited(exit);
  }

  /** In version 2 of control groups the one that holds the processes counts, too, where nothing limits them. */
  #ranOutOfMemory(): boolean {
    const { limits, group } = this.record;
    return outOfMemoryKills([...new Set([...limits, ...(group === undefined ? [] : [group])])]) > 0;
  }
}
