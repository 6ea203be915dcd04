import { describeKvError, type KvClient } from '../../shared/bus/kvClient.ts';
import { type KvSession, openSession } from '../../shared/bus/kvSession.ts';
import { atMost, delay } from '../../shared/clock/clock.ts';
import { LinkedController } from '../../shared/clock/linkedController.ts';
import { type Announcement, needsPorts, type PublishedPort, renderAnnouncement } from '../../shared/domain/announce.ts';
import type { Bytes, KvCommand, KvResult } from '../../shared/domain/kv.ts';
import { bytesOfText } from '../../shared/domain/kvKeys.ts';
import { mostBatched } from '../../shared/protocol/kv.ts';
import { announceCommand, planAnnouncements, type Wanted, wasAnnounced, withdrawCommand } from './policy/announcing.ts';

/** A unit that is active here. */
export interface ActiveUnit {
  announcements: readonly Announcement[];
  /** Of its placement. */
  token: number;
  container?: string;
}

export interface AnnouncerOptions {
  client: KvClient;
  /** The machine's address. */
  ip: string;
  portsOf: (container: string) => Promise<PublishedPort[]>;
  /** How long it is believed that a machine which says nothing any more is alive. */
  ttlS?: number;
  onError: (error: unknown) => void;
}

/** Not everything could be announced; why, for people. */
export class AnnounceError extends Error {
  override readonly name = 'AnnounceError';
}

const defaultTtlS = 10;
const retryMs = 1_000;
const leaveMs = 2_000;

/**
 * Keeps what this machine's active units announce in the key/value store, under one lease: it is taken back when a unit
 * stops, and ends with the machine. Without a store units run all the same; what there is to say is said when it is back.
 */
export class Announcer {
  readonly #options: AnnouncerOptions;
  readonly #units = new Map<string, ActiveUnit>();
  readonly #stopped = new AbortController();
  /** What the store says by this machine's lease. */
  readonly #held = new Map<Bytes, Wanted>();
  /** By the name of the unit. */
  readonly #ports = new Map<string, { container: string; ports: PublishedPort[] }>();
  #session: KvSession | null = null;
  #working = false;
  /** Ends the waiting before the next try. */
  #pause = new AbortController();
  /** What there is to do has changed since the work looked. */
  #changed = false;
  /** What was last told to be wrong. */
  #trouble = '';

  constructor(options: AnnouncerOptions) {
    this.#options = options;
  }

  /** Says what is active now of a unit; null: it is not. */
  update(name: string, unit: ActiveUnit | null): void {
    if (unit !== null && unit.announcements.length > 0) this.#units.set(name, unit);
    else if (!this.#units.delete(name)) return;
    if (unit === null) this.#ports.delete(name);
    this.#wake();
  }

  /** Takes everything back. */
  async close(): Promise<void> {
    this.#stopped.abort();
    const session = this.#session;
    if (session === null) return;
    // Where no store answers, the lease ends by itself.
    const left = session.close().catch(() => undefined);
    await atMost(this.#options.client.parts.clock, leaveMs, left);
  }

  /** Stops saying anything, for the units go on: what was said lasts until the lease ends, or another agent says it. */
  abandon(): void {
    this.#stopped.abort();
    this.#session?.abandon();
  }

  #wake(): void {
    this.#changed = true;
    this.#pause.abort();
    if (!this.#working && !this.#stopped.signal.aborted) void this.#work();
  }

  /** Goes on until what the store says is what it should say. */
  async #work(): Promise<void> {
    const { signal } = this.#stopped;
    this.#working = true;
    // Everything that happens in this turn of the event loop is said at once.
    await Promise.resolve();
    while (!signal.aborted && this.#changed) {
      this.#changed = false;
      const problem = await this.#round().catch((error: unknown) => error);
      this.#tell(problem);
      if (problem !== null) await this.#rest();
    }
    // In the same breath as the look at what has changed: from now on that starts the work anew.
    this.#working = false;
  }

  /** Waits before it is tried again, unless something else is to be said meanwhile. */
  async #rest(): Promise<void> {
    this.#pause = new LinkedController(this.#stopped.signal);
    if (!this.#changed) await delay(this.#options.client.parts.clock, retryMs, this.#pause.signal);
    this.#pause.abort();
    this.#changed = true;
  }

  /** A trouble that lasts is told once. */
  #tell(problem: unknown): void {
    const text = problem === null ? '' : problem instanceof Error ? problem.message : String(problem);
    if (text !== '' && text !== this.#trouble && !this.#stopped.signal.aborted) {
      this.#options.onError(new AnnounceError(`units cannot be announced: ${text}`, { cause: problem }));
    }
    this.#trouble = text;
  }

  /** Null when the store says what it should; else what is missing. */
  async #round(): Promise<Error | null> {
    const { wanted, problems } = await this.#wanted();
    const plan = planAnnouncements(wanted, this.#held);
    if (plan.announce.length + plan.withdraw.length > 0) {
      const { lease } = await this.#openSession();
      await this.#send(
        plan.withdraw,
        (key) => withdrawCommand(key, lease),
        (key) => void this.#held.delete(key),
      );
      await this.#send(
        plan.announce,
        ([key, what]) => announceCommand(key, what, lease),
        ([key, what], result) => {
          if (isAnnounced(result)) this.#held.set(key, what);
          else problems.push(`a newer placement of its unit announces ${key}`);
        },
      );
    }
    return problems.length > 0 ? new AnnounceError(problems.join('; ')) : null;
  }

  /** Sends a command for each item, many in a message; `done` gets the results of those that were not refused. */
  async #send<T>(items: readonly T[], command: (item: T) => KvCommand, done: (item: T, result: KvResult) => void) {
    for (let at = 0; at < items.length; at += mostBatched) {
      const part = items.slice(at, at + mostBatched);
      const results = await this.#options.client.batch(part.map(command), this.#stopped.signal);
      if ('code' in results) throw new AnnounceError(describeKvError(results));
      for (const [i, item] of part.entries()) {
        const result = results[i];
        if (result?.ok) done(item, result);
        else if (result) throw this.#refused(result.error);
      }
    }
  }

  #refused(error: Parameters<typeof describeKvError>[0]): AnnounceError {
    // The store has ended the lease before this end noticed.
    if (error.code === 'lease-not-found') this.#loseSession();
    return new AnnounceError(describeKvError(error));
  }

  async #openSession(): Promise<KvSession> {
    if (this.#session) return this.#session;
    const { client, ttlS = defaultTtlS } = this.#options;
    const opened = await openSession(client, { ttlS });
    if (!opened.ok) throw new AnnounceError(describeKvError(opened.error));
    const session = opened.response;
    this.#session = session;
    session.lost.addEventListener('abort', () => this.#session === session && this.#loseSession(), { once: true });
    if (this.#stopped.signal.aborted) await session.close();
    return session;
  }

  /** What was said by its lease is said no more. */
  #loseSession(): void {
    this.#session?.abandon();
    this.#session = null;
    this.#held.clear();
    this.#wake();
  }

  async #wanted(): Promise<{ wanted: Map<Bytes, Wanted>; problems: string[] }> {
    const wanted = new Map<Bytes, Wanted>();
    const problems: string[] = [];
    for (const [name, unit] of [...this.#units]) {
      const ports = await this.#portsOf(name, unit).catch(() => []);
      for (const announcement of unit.announcements) {
        const rendered = renderAnnouncement(announcement, { ip: this.#options.ip, ports });
        if ('missing' in rendered)
          problems.push(`${name} has not published ${rendered.missing}, as far as its engine says`);
        else wanted.set(bytesOfText(announcement.key), { value: bytesOfText(rendered.value), token: unit.token });
      }
    }
    return { wanted, problems };
  }

  /** A container keeps its ports as long as it runs. */
  async #portsOf(name: string, { container, announcements }: ActiveUnit): Promise<PublishedPort[]> {
    if (container === undefined || !announcements.some(needsPorts)) return [];
    const known = this.#ports.get(name);
    if (known?.container === container) return known.ports;
    const ports = await this.#options.portsOf(container);
    this.#ports.set(name, { container, ports });
    return ports;
  }
}

function isAnnounced(result: KvResult): boolean {
  return result.ok && result.response.type === 'Txn' && wasAnnounced(result.response);
}
