import { type Clock, delay } from '../../shared/clock/clock.ts';
import type { ClusterState } from '../../shared/domain/clusterState.ts';
import type { Event } from '../../shared/domain/events.ts';
import type { EventLog } from '../../shared/log/eventLog.ts';
import type { Projection } from '../../shared/log/projection.ts';

/** The state cannot be read at the moment: NATS is away, or the log is far ahead of what is folded here. */
export class StateUnavailableError extends Error {
  override readonly name = 'StateUnavailableError';
}

export interface ClusterReaderOptions {
  log: EventLog;
  projection: Projection;
  clock: Clock;
  /** How long a reader waits for the log, ms: fleetctl gives a request 3 s. */
  patienceMs?: number;
}

const defaultPatienceMs = 2_500;

/** The cluster's state as the log has it, folded here: readers cost the schedulers nothing. */
export class ClusterReader {
  readonly #options: ClusterReaderOptions;
  #names: readonly string[] | null = null;
  /** How many commands of each type changed something since this service started. */
  readonly commands = new Map<string, number>();

  constructor(options: ClusterReaderOptions) {
    this.#options = options;
    options.projection.onCommit(({ events, commands = [] }) => {
      for (const { type } of commands) this.commands.set(type, (this.commands.get(type) ?? 0) + 1);
      if (events.some(({ type }) => type === 'UnitSubmitted' || type === 'UnitDestroyed')) this.#names = null;
    });
  }

  /**
   * Folds the log for as long as the signal lets it; resolves when it aborts.
   * @throws {LogRewoundError | BrokenChainError | CorruptCommitError | NewerSchemaError} the log is not the one it was.
   */
  async follow(signal: AbortSignal): Promise<void> {
    const { log, projection } = this.#options;
    for await (const record of log.tail({ fromSeq: projection.seq + 1, signal })) projection.apply(record);
  }

  /** Called with the events of each commit, once they are folded. */
  onEvents(listener: (events: readonly Event[]) => void): void {
    this.#options.projection.onCommit(({ events }) => listener(events));
  }

  /** As far as it is folded, which may be behind. */
  get state(): ClusterState {
    return this.#options.projection.state;
  }

  get seq(): number {
    return this.#options.projection.seq;
  }

  /**
   * The sequence at which the log ends now.
   * @throws {StateUnavailableError}
   */
  async logEnd(): Promise<number> {
    const { log, clock, patienceMs = defaultPatienceMs } = this.#options;
    const over = new AbortController();
    try {
      const late = delay(clock, patienceMs, over.signal).then(() => null);
      const bounds = await Promise.race([log.bounds(), late]);
      if (bounds === null) throw new StateUnavailableError('the log does not answer');
      return bounds.last;
    } catch (cause) {
      if (cause instanceof StateUnavailableError) throw cause;
      throw new StateUnavailableError(`the log cannot be read: ${(cause as Error).message}`, { cause });
    } finally {
      over.abort();
    }
  }

  /**
   * A state that has everything which anybody was told of before this call.
   * @throws {StateUnavailableError}
   */
  async fresh(): Promise<ClusterState> {
    return this.reached(await this.logEnd());
  }

  /**
   * A state that has the commit of that sequence.
   * @throws {StateUnavailableError}
   */
  async reached(seq: number): Promise<ClusterState> {
    const { projection, clock, patienceMs = defaultPatienceMs } = this.#options;
    if (projection.seq >= seq) return projection.state;
    const over = new AbortController();
    await Promise.race([projection.reached(seq, over.signal), delay(clock, patienceMs, over.signal)]);
    over.abort();
    if (projection.seq >= seq) return projection.state;
    throw new StateUnavailableError(`the log has come to ${seq}, and this service to ${projection.seq} only`);
  }

  /** The names of all units, sorted. */
  get unitNames(): readonly string[] {
    this.#names ??= [...this.#options.projection.state.units.keys()].sort();
    return this.#names;
  }
}
