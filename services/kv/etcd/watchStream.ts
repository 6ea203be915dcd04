import type { WatchRequest } from '../../../shared/domain/kv.ts';
import { type EtcdContext, headerOf } from './context.ts';
import { isKvError, refuse, statusOf } from './errors.ts';
import type { StreamCall } from './grpc/call.ts';
import { GrpcStatus } from './grpc/grpcStatus.ts';
import { FilterType, type WatchCreateRequest, type WatchResponse } from './messages.ts';
import { OpenWatch } from './openWatch.ts';
import { ReadyQueue } from './readyQueue.ts';
import type { Sendable } from './wire/codec.ts';

/** The id of what concerns no watch in particular. */
const noWatch = '-1';

/**
 * The watches of one client's stream. What they see is taken from the store when the client has room for it, one watch after the
 * other, so that a client that does not read costs nothing, and is told when the history that it has not seen is gone.
 */
export class WatchStream {
  readonly #context: EtcdContext;
  readonly #call: StreamCall<WatchResponse>;
  readonly #watches = new Map<string, OpenWatch>();
  readonly #ready = new ReadyQueue<OpenWatch>(() => this.#sendSome());
  #nextId = 0;
  #onRoom: () => void = () => {};
  /** How many answers to progress requests wait for the watches to catch up. */
  #progressWanted = 0;
  #progressTimer: unknown = null;

  constructor(context: EtcdContext, call: StreamCall<WatchResponse>) {
    this.#context = context;
    this.#call = call;
    call.onDrain(() => {
      this.#ready.resume();
      this.#onRoom();
    });
    call.onClosed(() => this.#close());
  }

  create(request: WatchCreateRequest): void {
    const refusal = request.startRevision < 0 ? refuse('compacted') : this.#mayWatch(request);
    if (refusal !== null) return this.#refuse(refusal.message);
    if (request.rangeEnd !== '' && request.rangeEnd !== '\0' && request.rangeEnd <= keyOf(request)) {
      return this.#refuse('mvcc: watcher range is empty');
    }
    if (request.watchId !== '0' && this.#watches.has(request.watchId)) {
      return this.#refuse('mvcc: duplicate watch ID provided on the WatchStream');
    }
    const id = request.watchId === '0' ? this.#chooseId() : request.watchId;
    const watch = new OpenWatch(id, request, this.#context, () => this.#ready.add(watch));
    watch.start(this.#context.service.store.watch(toWatchRequest(request), watch.onReady));
    this.#watches.set(id, watch);
    this.#send({ watchId: id, created: true });
    if (request.progressNotify) this.#startProgressTimer();
    this.#ready.add(watch);
  }

  cancel(id: string): void {
    if (!this.#remove(id)) return;
    this.#send({ watchId: id, canceled: true });
  }

  /** Answers once every watch of the stream has been sent all that there is. */
  requestProgress(): void {
    this.#progressWanted += 1;
    this.#ready.schedule();
  }

  /** Resolves when the client has read what was sent: one that only asks is not listened to. */
  whenRoom(): Promise<void> | undefined {
    if (!this.#ready.isPaused || this.#call.closed) return undefined;
    return new Promise((resolve) => {
      this.#onRoom = resolve;
    });
  }

  #chooseId(): string {
    while (this.#watches.has(String(this.#nextId))) this.#nextId += 1;
    return String(this.#nextId++);
  }

  #mayWatch(request: WatchCreateRequest): GrpcStatus | null {
    const { service, authenticator } = this.#context;
    if (!service.store.auth.enabled) return null;
    const user = authenticator.userOf(this.#call);
    if (user instanceof GrpcStatus) return user;
    // Who may not read a range may not watch it; what is in it does not matter.
    const { key, rangeEnd } = toWatchRequest(request);
    const found = service.store.range({ key, ...(rangeEnd && { rangeEnd }), countOnly: true }, user);
    return isKvError(found) ? statusOf(found) : null;
  }

  #refuse(reason: string): void {
    this.#send({ watchId: noWatch, created: true, canceled: true, cancelReason: reason });
  }

  /** Called while the client has room, until there is nothing left. True: there may be more. */
  #sendSome(): boolean {
    const watch = this.#ready.take();
    if (watch === undefined) return this.#sendProgress();
    const batch = watch.next();
    if (batch === null) return true;
    for (const response of batch.responses) this.#send(response);
    if (batch.isOver) this.#remove(watch.id);
    else this.#ready.add(watch);
    return true;
  }

  /** Whoever asks for progress gets none while a watch begins in the future, or where there is no watch: as etcd 3.5. */
  #sendProgress(): boolean {
    const watches = [...this.#watches.values()];
    const isToBeTold = watches.length > 0 && watches.every(({ hasBegun }) => hasBegun);
    for (; this.#progressWanted > 0; this.#progressWanted -= 1) if (isToBeTold) this.#send({ watchId: noWatch });
    return false;
  }

  #send(response: Sendable<WatchResponse>): void {
    const header = response.header ?? headerOf(this.#context.service);
    if (!this.#call.send({ ...response, header })) this.#ready.pause();
  }

  #remove(id: string): boolean {
    const watch = this.#watches.get(id);
    if (watch === undefined) return false;
    watch.close();
    this.#ready.remove(watch);
    return this.#watches.delete(id);
  }

  #startProgressTimer(): void {
    if (this.#progressTimer !== null) return;
    const { clock, limits } = this.#context;
    this.#progressTimer = clock.setTimeout(() => {
      this.#progressTimer = null;
      this.#notify();
    }, limits.progressNotifyIntervalMs);
  }

  /** Tells the watches that have caught up and have heard nothing since the last time. */
  #notify(): void {
    const notified = [...this.#watches.values()].filter((watch) => watch.wantsProgress);
    for (const watch of notified) {
      const isDue = watch.isDueForProgress();
      if (isDue && !this.#ready.has(watch)) this.#send({ watchId: watch.id });
    }
    if (notified.length > 0) this.#startProgressTimer();
  }

  #close(): void {
    if (this.#progressTimer !== null) this.#context.clock.clearTimeout(this.#progressTimer);
    for (const id of [...this.#watches.keys()]) this.#remove(id);
    this.#ready.close();
    this.#onRoom();
  }
}

/** The smallest key stands for none. */
function keyOf({ key }: WatchCreateRequest): string {
  return key === '' ? '\0' : key;
}

function toWatchRequest(wire: WatchCreateRequest): WatchRequest {
  const request: WatchRequest = { key: keyOf(wire) };
  if (wire.rangeEnd !== '') request.rangeEnd = wire.rangeEnd;
  if (wire.startRevision > 0) request.startRevision = wire.startRevision;
  if (wire.prevKv) request.prevKv = true;
  if (wire.filters.includes(FilterType.NOPUT)) request.noPut = true;
  if (wire.filters.includes(FilterType.NODELETE)) request.noDelete = true;
  return request;
}
