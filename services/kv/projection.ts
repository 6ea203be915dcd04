import type { KvCommand, KvEvent, KvResult } from '../../shared/domain/kv.ts';
import type { LogRecord } from '../../shared/log/eventLog.ts';
import { Fold, type Head } from '../../shared/log/fold.ts';
import { type Caused, type Commit, decodeCommit } from '../../shared/protocol/commit.ts';
import { unpackCommands } from '../../shared/protocol/kvPacking.ts';
import { schemaVersion } from '../../shared/protocol/upcasts.ts';
import { type Answer, Answers } from './answers.ts';
import { createStore, restoreStore } from './store/mvccStore.ts';
import type { Store, StoreView } from './store/store.ts';

/** The fold of the `FLOTILLA_KV` stream: the store, who leads it, and what was answered to whom. */
export class KvProjection extends Fold<KvEvent> {
  readonly #store: Store;
  readonly #answers: Answers;
  #cluster: string;
  #epoch: number;
  #results: KvResult[][] = [];

  private constructor(parts: { header: Header; store: Store }) {
    const { seq, heads, cluster, epoch, answers } = parts.header;
    super(seq, new Map(heads));
    this.#store = parts.store;
    this.#answers = new Answers(answers);
    this.#cluster = cluster;
    this.#epoch = epoch;
  }

  static create(): KvProjection {
    const header = { v: schemaVersion, seq: 0, heads: [], cluster: '', epoch: 0, answers: [] };
    return new KvProjection({ header, store: createStore() });
  }

  get store(): StoreView {
    return this.#store;
  }

  /** The store's id; '': nobody has led it yet. */
  get cluster(): string {
    return this.#cluster;
  }

  /** Of the last election. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Of each `KvExecuted` of the commit that was folded last, in order: the result of each of its commands. */
  get results(): readonly KvResult[][] {
    return this.#results;
  }

  /** What was answered to that request; null: that is no longer known; undefined: the request is not. */
  answer(id: string): Answer | undefined {
    return this.#answers.get(id);
  }

  /** {@link Store.tidy} */
  tidy(): boolean {
    return this.#store.tidy();
  }

  override apply(record: LogRecord): Commit<KvEvent> {
    // One subject, one writer: every sequence is there, unless the beginning was forgotten.
    if (record.seq > this.seq + 1) throw new LogShortenedError(record.seq, this.seq);
    return super.apply(record);
  }

  protected override decode(data: Uint8Array): Commit<KvEvent> {
    const commit = decodeCommit<KvEvent>(data);
    return { ...commit, events: commit.events.map(unpackEvent) };
  }

  protected override evolve(commit: Commit<KvEvent>): void {
    this.#results = [];
    for (const event of commit.events) this.#take(event);
  }

  #take(event: Caused<KvEvent>): void {
    switch (event.type) {
      case 'LeaderElected':
        this.#cluster = event.cluster;
        this.#epoch = event.epoch;
        return;
      case 'KvExecuted': {
        const results = event.commands.map((command) => this.#execute(command));
        if (event.cause !== undefined) this.#answers.add(event.cause, results);
        this.#results.push(results);
        return;
      }
      default:
        event satisfies never;
    }
  }

  #execute(command: KvCommand): KvResult {
    const outcome = this.#store.execute(command);
    if ('code' in outcome) return { ok: false, error: outcome };
    return { ok: true, revision: this.#store.revision, response: outcome };
  }

  /**
   * The whole projection as it is at the first `next()`, in parts to be put one after the other: {@link restore}. More
   * may be folded between one part and the next.
   */
  *serialize(): Generator<Uint8Array> {
    const header: Header = {
      v: schemaVersion,
      seq: this.seq,
      heads: [...this.heads],
      cluster: this.#cluster,
      epoch: this.#epoch,
      answers: this.#answers.entries(),
    };
    const chunks = this.#store.serialize()[Symbol.iterator]();
    // Before the first yield, so that it is of the same moment as the header.
    let chunk = chunks.next();
    try {
      yield frame(new TextEncoder().encode(JSON.stringify(header)));
      for (; !chunk.done; chunk = chunks.next()) yield frame(chunk.value);
    } finally {
      // Given up halfway, it must not hold back what the store would give back.
      chunks.return?.();
    }
  }

  /** Null when another version wrote it: then the log is folded from its beginning, as long as it has one. */
  static restore(parts: readonly Uint8Array[]): KvProjection | null {
    const frames = framesIn(parts);
    const first = frames.next();
    if (first.done) return null;
    const header: Header = JSON.parse(new TextDecoder().decode(first.value));
    return header.v === schemaVersion ? new KvProjection({ header, store: restoreStore(frames) }) : null;
  }
}

function unpackEvent(event: Caused<KvEvent>): Caused<KvEvent> {
  return event.type === 'KvExecuted' ? { ...event, commands: unpackCommands(event.commands) } : event;
}

/** The log no longer has what comes next: it was shortened while this replica was behind. A snapshot has it. */
export class LogShortenedError extends Error {
  override readonly name = 'LogShortenedError';
  constructor(first: number, reached: number) {
    super(
      `the log begins at sequence ${first}, after ${reached}, which this store has reached: the snapshots have what is ` +
        'between, and a store reads them when it starts. Where none can be read, restore a backup of the cluster (flotilla restore)',
    );
  }
}

interface Header {
  v: number;
  seq: number;
  heads: [string, Head][];
  cluster: string;
  epoch: number;
  answers: [string, Answer][];
}

const lengthBytes = 4;

/** A part with its length before it. */
function frame(part: Uint8Array): Uint8Array {
  const framed = new Uint8Array(lengthBytes + part.length);
  new DataView(framed.buffer).setUint32(0, part.length);
  framed.set(part, lengthBytes);
  return framed;
}

/** The parts may have been cut anywhere on their way. */
function* framesIn(parts: readonly Uint8Array[]): Generator<Uint8Array> {
  let buffered = Buffer.alloc(0);
  for (const part of parts) {
    buffered = Buffer.concat([buffered, part]);
    let at = 0;
    for (let end = endOfFrame(buffered, at); end <= buffered.length; end = endOfFrame(buffered, at)) {
      yield buffered.subarray(at + lengthBytes, end);
      at = end;
    }
    buffered = buffered.subarray(at);
  }
}

/** Infinity where not even the length is there. */
function endOfFrame(data: Buffer, at: number): number {
  return data.length < at + lengthBytes ? Number.POSITIVE_INFINITY : at + lengthBytes + data.readUInt32BE(at);
}
