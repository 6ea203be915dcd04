import type { Clock } from '../../shared/clock/clock.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { Life, LocalClock } from './life.ts';
import { createLink, type Hub, type Link } from './link.ts';
import type { AppendStage } from './schedule.ts';

/** What is started at each start of an actor's process; resolves when it ends by itself. */
export type Start = (birth: Birth) => Promise<unknown>;

export interface Birth {
  name: string;
  /** Counts the starts of this actor, from 1. */
  number: number;
  life: Life;
  clock: Clock;
  link: Link;
  /** Ids that no other life of anybody makes. */
  ids: () => string;
  /** Sets what SIGHUP makes it do; resolves when it ends of it: true where it is waited for. */
  onHangUp: (hangUp: () => Promise<boolean>) => void;
  /** Sets what SIGTERM makes it do. */
  onTerminate: (terminate: () => void) => void;
}

export interface Trap {
  on: 'fence' | 'log';
  when: AppendStage;
  spring: () => void;
}

const fences = new Set([subjects.fence('scheduler'), subjects.fence('kv')]);
/** As who supervises it does. */
const restartMs = 1_000;
/** So long servers believe in a connection at whose other end there is nobody. */
const noticeMs = 4_000;

/**
 * One actor of the cluster, through all its lives. Each fault counts: of two crashes that overlap, it starts again when
 * both are over.
 */
export class Actor {
  readonly name: string;
  readonly clock: LocalClock;
  readonly #hub: Hub;
  readonly #start: Start;
  readonly #onError: (error: unknown) => void;
  /** Whether it can be started without a connection. */
  readonly #isIndependent: boolean;
  #life: Life | null = null;
  #link: Link | null = null;
  #hangUp: () => Promise<boolean> = async () => false;
  #terminate: () => void = () => undefined;
  #births = 0;
  #deaths = 0;
  #pauses = 0;
  #disconnections = 0;
  /** What waits for its next append. */
  readonly #traps = new Set<Trap>();
  readonly #fates: ('stored' | 'late' | 'lost')[] = [];

  constructor(
    hub: Hub,
    parts: { name: string; start: Start; isIndependent: boolean; onError: (error: unknown) => void },
  ) {
    this.#hub = hub;
    this.name = parts.name;
    this.clock = new LocalClock(hub.clock);
    this.#start = parts.start;
    this.#isIndependent = parts.isIndependent;
    this.#onError = parts.onError;
  }

  get isRunning(): boolean {
    return this.#life !== null && this.#pauses === 0;
  }

  get isAlive(): boolean {
    return this.#life !== null;
  }

  begin(): void {
    const mayBegin = this.#deaths === 0 && (this.#isIndependent || this.#disconnections === 0);
    if (this.#life !== null || !mayBegin) return;
    const life = new Life(this.clock, this.#onError);
    const onAppend = (subject: string, stage: AppendStage) => life.isOver || this.#spring(subject, stage);
    const link = createLink(this.#hub, { name: this.name, life, fate: () => this.#fates.at(-1) ?? null, onAppend });
    const number = ++this.#births;
    let lastId = 0;
    this.#life = life;
    this.#link = link;
    if (this.#disconnections > 0) link.setConnected(false);
    const { name } = this;
    const ids = () => `${name}.${number}-${++lastId}`;
    const onHangUp = (hangUp: () => Promise<boolean>) => {
      this.#hangUp = hangUp;
    };
    const onTerminate = (terminate: () => void) => {
      this.#terminate = terminate;
    };
    void this.#start({ name, number, life, clock: life.clock, link, ids, onHangUp, onTerminate }).then(
      () => this.#ended(life),
      this.#onError,
    );
    if (this.#pauses > 0) life.pause();
  }

  /** @param suddenly with its machine: nobody closes its connection. */
  crash(suddenly = false): void {
    this.#deaths++;
    this.#die(suddenly);
  }

  /** @param onTold somebody has heard that it makes room for its next life, which {@link revive} begins. */
  handOver(onTold: () => void): void {
    this.#deaths++;
    const life = this.#life;
    life?.run(() => {
      const end = (isTold: boolean) => {
        if (isTold && this.#life === life) onTold();
        this.#ended(life);
      };
      this.#hangUp().then(end, this.#onError);
    });
  }

  /** It ends in its own time, and then `onEnded` is called; {@link revive} lets its next life begin. */
  terminate(onEnded: () => void): void {
    this.#deaths++;
    const life = this.#life;
    life?.run(() => this.#terminate());
    void life?.over.then(onEnded);
  }

  revive(): void {
    this.#deaths--;
    this.begin();
  }

  pause(): void {
    this.#pauses++;
    this.#life?.pause();
  }

  resume(): void {
    this.#pauses--;
    if (this.#pauses === 0) void this.#life?.resume();
  }

  disconnect(): void {
    this.#disconnections++;
    this.#link?.setConnected(false);
  }

  reconnect(): void {
    this.#disconnections--;
    if (this.#disconnections > 0) return;
    this.#link?.setConnected(true);
    this.begin();
  }

  loseAnswers(fate: 'stored' | 'late' | 'lost'): void {
    this.#fates.push(fate);
  }

  giveAnswers(fate: 'stored' | 'late' | 'lost'): void {
    this.#fates.splice(this.#fates.lastIndexOf(fate), 1);
  }

  setTrap(trap: Trap): void {
    this.#traps.add(trap);
  }

  removeTrap(trap: Trap): void {
    this.#traps.delete(trap);
  }

  #spring(subject: string, stage: AppendStage): void {
    for (const trap of this.#traps) {
      const isOnFence = fences.has(subject);
      if (trap.when !== stage || isOnFence !== (trap.on === 'fence')) continue;
      this.#traps.delete(trap);
      trap.spring();
    }
  }

  #die(suddenly: boolean): void {
    const link = this.#link;
    this.#life?.end();
    if (suddenly) this.#hub.clock.setTimeout(() => link?.drop(), noticeMs);
    else link?.drop();
    this.#life = null;
    this.#link = null;
  }

  /** Its process has ended by itself. */
  #ended(life: Life): void {
    if (this.#life !== life) return;
    this.#die(false);
    this.#hub.clock.setTimeout(() => this.begin(), restartMs);
  }
}
