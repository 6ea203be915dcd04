/**
 * The log's twin: a store in memory that several handles write to and read from, each as another process would. Its
 * faults are those that a network and a disk have: an answer that is lost, a log that is out of reach, a full disk.
 */
import { subjectMatches } from '../bus/subjectMatch.ts';
import {
  AppendRefusedError,
  type EventLog,
  type LogRecord,
  LogRewoundError,
  LogUnavailableError,
  OutcomeUnknownError,
  WrongSequenceError,
} from './eventLog.ts';
import type { LogRetention } from './logRetention.ts';

export interface MemoryLog extends LogRetention {
  /** One more handle, as another process would have it. */
  open(): MemoryLogHandle;
  /** Out of reach for every handle. */
  setAvailable(available: boolean): void;
  /** Refuses appends with that text until it is null again. */
  setFull(reason: string | null): void;
}

export interface MemoryLogHandle extends EventLog {
  /** Out of reach for this handle. */
  setConnected(connected: boolean): void;
  /** The next append of this handle gets no answer: its message is stored, or lost, all the same. */
  loseNextAnswer(message: 'stored' | 'lost'): void;
}

interface Store {
  /** Index + 1 is the sequence; undefined where it was replaced on its subject, or forgotten. */
  records: (LogRecord | undefined)[];
  lastOf: Map<string, LogRecord>;
  /** Sequences by id and the sequence that was expected: repeated appends. */
  appended: Map<string, number>;
  keepOnlyLast: boolean;
  available: boolean;
  full: string | null;
  waiting: Set<() => void>;
}

interface Handle {
  store: Store;
  connected: boolean;
  answer: 'given' | 'stored' | 'lost';
}

type Append = Parameters<EventLog['append']>[0];
type TailOptions = Parameters<EventLog['tail']>[0];

/** @param options.keepOnlyLast a newer message on a subject replaces the older one, as on the fence. */
export function createMemoryLog(options: { keepOnlyLast?: boolean } = {}): MemoryLog {
  const store: Store = {
    records: [],
    lastOf: new Map(),
    appended: new Map(),
    keepOnlyLast: options.keepOnlyLast ?? false,
    available: true,
    full: null,
    waiting: new Set(),
  };
  return {
    open: () => openHandle({ store, connected: true, answer: 'given' }),
    setAvailable: (available) => {
      store.available = available;
      wakeAll(store);
    },
    forgetBefore: async (seq) => {
      for (let index = 0; index < Math.min(seq - 1, store.records.length); index++) store.records[index] = undefined;
    },
    setFull: (reason) => {
      store.full = reason;
    },
  };
}

function openHandle(handle: Handle): MemoryLogHandle {
  const { store } = handle;
  return {
    append: async (message) => append(handle, message),
    last: async (subject) => {
      assertReachable(handle);
      return store.lastOf.get(subject) ?? null;
    },
    bounds: async () => {
      assertReachable(handle);
      return { first: firstSeq(store), last: store.records.length };
    },
    tail: (options) => tail(handle, options),
    setConnected: (connected) => {
      handle.connected = connected;
      wakeAll(store);
    },
    loseNextAnswer: (message) => {
      handle.answer = message;
    },
  };
}

function append(handle: Handle, message: Append): { seq: number } {
  const { answer } = handle;
  if (!isReachable(handle)) throw new OutcomeUnknownError('the log is out of reach');
  handle.answer = 'given';
  if (answer === 'lost') throw new OutcomeUnknownError('no answer: the message was lost');
  const seq = commit(handle.store, message);
  if (answer === 'stored') throw new OutcomeUnknownError('no answer: the acknowledgement was lost');
  return { seq };
}

function commit(log: Store, { subject, id, data, expectedSeq }: Append): number {
  // Before everything else, as a server may that has no room: it does not look whether it has the message already.
  if (log.full !== null) throw new AppendRefusedError(log.full);
  const key = `${expectedSeq} ${id}`;
  const repeated = log.appended.get(key);
  if (repeated !== undefined) return repeated;
  const previous = log.lastOf.get(subject);
  if ((previous?.seq ?? 0) !== expectedSeq) {
    throw new WrongSequenceError(`the last sequence on ${subject} is ${previous?.seq ?? 0}, not ${expectedSeq}`);
  }
  const record: LogRecord = { seq: log.records.length + 1, subject, id, data: data.slice(), shared: {} };
  if (log.keepOnlyLast && previous) log.records[previous.seq - 1] = undefined;
  log.records.push(record);
  log.lastOf.set(subject, record);
  log.appended.set(key, record.seq);
  wakeAll(log);
  return record.seq;
}

async function* tail(handle: Handle, options: TailOptions): AsyncGenerator<LogRecord> {
  const { signal, subjects, onIdle } = options;
  const { records } = handle.store;
  const wanted = (subject: string) => subjects?.some((pattern) => subjectMatches(pattern, subject)) ?? true;
  const changes = new Changes(handle.store, signal);
  let nextSeq = Math.max(1, options.fromSeq);
  while (!isReachable(handle) && !signal.aborted) await changes.next();
  const end = records.length;
  if (nextSeq > end + 1) throw new LogRewoundError(`the log ends at ${end}, before ${nextSeq - 1}`);
  try {
    for (let idle = false; !signal.aborted; ) {
      for (; nextSeq <= records.length && isReachable(handle) && !signal.aborted; nextSeq++) {
        const record = records[nextSeq - 1];
        if (record && wanted(record.subject)) yield record;
      }
      if (!idle && nextSeq > end) {
        idle = true;
        onIdle?.();
      }
      if (nextSeq > records.length || !isReachable(handle)) await changes.next();
    }
  } finally {
    changes.end();
  }
}

/** What happens to a log, for one who reads it until `signal` aborts. */
class Changes {
  readonly #store: Store;
  readonly #signal: AbortSignal;
  #told: () => void = () => undefined;

  constructor(store: Store, signal: AbortSignal) {
    this.#store = store;
    this.#signal = signal;
    signal.addEventListener('abort', this.#wake, { once: true });
  }

  readonly #wake = () => {
    this.#store.waiting.delete(this.#wake);
    this.#told();
  };

  end(): void {
    this.#signal.removeEventListener('abort', this.#wake);
  }

  /** Resolves at the next append, at a change of what is reachable, or when the signal aborts. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#signal.aborted) return resolve();
      this.#told = resolve;
      this.#store.waiting.add(this.#wake);
    });
  }
}

function wakeAll(log: Store): void {
  for (const wake of [...log.waiting]) wake();
}

function isReachable({ store, connected }: Handle): boolean {
  return store.available && connected;
}

function assertReachable(handle: Handle): void {
  if (!isReachable(handle)) throw new LogUnavailableError('the log is out of reach');
}

function firstSeq({ records }: Store): number {
  const index = records.findIndex((record) => record !== undefined);
  return index === -1 ? records.length + 1 : index + 1;
}
