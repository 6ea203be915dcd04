import type { LogRecord } from '../../shared/log/eventLog.ts';
import { BrokenChainError, type Head } from '../../shared/log/fold.ts';
import { Projection } from '../../shared/log/projection.ts';
import { decodeCommit, hashCommit } from '../../shared/protocol/commit.ts';
import { hashState } from '../../shared/protocol/stateHash.ts';
import { streams } from '../../shared/protocol/subjects.ts';
import { version } from '../../shared/version.ts';
import { BackupDamagedError, type Entry } from './entries.ts';

/** Follows a history entry by entry: no gap, every commit continues the one before it, and what all of it comes to. */
export class HistoryCheck {
  readonly projection = new Projection();
  readonly #heads = new Map<string, Head>();
  #about: Extract<Entry, { kind: 'about' }> | null = null;
  #stream: { stream: string; next: number; last: number } | null = null;
  #kvSnapshot = 0;
  #records = 0;

  get records(): number {
    return this.#records;
  }

  get about(): Extract<Entry, { kind: 'about' }> {
    if (!this.#about) throw new BackupDamagedError('the backup does not say what it is of');
    return this.#about;
  }

  /** @throws {BackupDamagedError | BrokenChainError | CorruptCommitError | NewerSchemaError} */
  take(entry: Entry, data: Uint8Array): void {
    switch (entry.kind) {
      case 'about':
        this.#about = entry;
        return;
      case 'stream':
        return this.#begin(entry);
      case 'record':
        return this.#record({ ...entry, data }, entry.stream);
      case 'snapshot':
        this.#kvSnapshot = Number(entry.meta.seq);
        return;
      case 'part':
        return;
      case 'end':
        return this.#end(entry);
      default:
        // Of a later version, whose history would not be restored whole.
        throw new BackupDamagedError(`this version does not know a "${(entry as { kind: string }).kind}" in a backup`);
    }
  }

  #begin({ stream, first, last }: Extract<Entry, { kind: 'stream' }>): void {
    this.#finishStream();
    this.#stream = { stream, next: first, last };
    const begin = stream === streams.kv ? this.#kvSnapshot + 1 : 1;
    if (first <= begin) return;
    throw new BackupDamagedError(
      `${stream} begins at sequence ${first}, and what was before ${begin} is in no snapshot`,
    );
  }

  #record(record: LogRecord, stream: string): void {
    const { seq, subject, data } = record;
    if (this.#stream?.stream !== stream || this.#stream.next !== seq) {
      throw new BackupDamagedError(
        `sequence ${seq} of ${stream} is not where it belongs: ${this.#stream?.next} is missing`,
      );
    }
    this.#stream.next++;
    this.#records++;
    if (stream === streams.log) {
      this.projection.apply(record);
      return;
    }
    const head = this.#heads.get(subject);
    if (head && decodeCommit(data).prev !== head.hash) throw new BrokenChainError({ subject, seq }, head);
    this.#heads.set(subject, { seq, hash: hashCommit(data) });
  }

  #finishStream(): void {
    if (this.#stream === null || this.#stream.next === this.#stream.last + 1) return;
    const { stream, next, last } = this.#stream;
    throw new BackupDamagedError(`${stream} ends before sequence ${next}, and should go on to ${last}`);
  }

  #end({ records, state }: Extract<Entry, { kind: 'end' }>): void {
    this.#finishStream();
    if (records !== this.#records) throw new BackupDamagedError(`it has ${this.#records} records of ${records}`);
    // Another version may write down the same state in another way; the chain has been checked all the same.
    if (this.about.version !== version) return;
    const hash = hashState(this.projection.state);
    if (state.seq === this.projection.seq && state.hash === hash) return;
    throw new BackupDamagedError(`the history comes to state ${hash}, not to ${state.hash} as when it was written`);
  }
}
