/**
 * The bus's twin: buses of one process that share a {@link MemoryNetwork}. Messages are copied and arrive in order,
 * after the call that sent them has returned, as they would over a socket.
 */
import type { Clock } from '../clock/clock.ts';
import { type Bus, BusClosedError, type BusMessage, NoRespondersError, RequestTimeoutError } from './bus.ts';
import { subjectMatches } from './subjectMatch.ts';

export interface MemoryNetwork {
  /** A connection of its own. Its name is what {@link Carriage} knows it by. */
  connect(name?: string): MemoryBus;
}

/** What lies between the connections of a network; they are told apart by name. */
export interface Carriage {
  /** Whether a listener is known where the sender is: one that is not gets nothing, and nobody else waits for it. */
  knows(from: string, to: string): boolean;
  /** After how many ms each copy of a message arrives: none of them, it is lost; several, in any order. */
  travel(from: string, to: string): readonly number[];
}

export interface MemoryBus extends Bus {
  /** Cuts this bus off: what it sends, and what is sent to it, is lost until {@link reconnect}. */
  disconnect(): void;
  reconnect(): void;
}

interface Listener {
  bus: BusState;
  pattern: string;
  queue: string | undefined;
  handler: (message: BusMessage) => void;
}

/** Who listens: most listen on one subject and are found by it. */
class Listeners {
  readonly #bySubject = new Map<string, Set<Listener>>();
  readonly #byPattern = new Set<Listener>();

  add(listener: Listener): void {
    const { pattern } = listener;
    const those = isSubject(pattern) ? (this.#bySubject.get(pattern) ?? new Set()) : this.#byPattern;
    if (those !== this.#byPattern) this.#bySubject.set(pattern, those);
    those.add(listener);
  }

  delete(listener: Listener): void {
    const { pattern } = listener;
    this.#byPattern.delete(listener);
    const those = this.#bySubject.get(pattern);
    those?.delete(listener);
    if (those?.size === 0) this.#bySubject.delete(pattern);
  }

  has(listener: Listener): boolean {
    return this.#bySubject.get(listener.pattern)?.has(listener) ?? this.#byPattern.has(listener);
  }

  of(subject: string): Listener[] {
    const found = [...(this.#bySubject.get(subject) ?? [])];
    for (const listener of this.#byPattern) if (subjectMatches(listener.pattern, subject)) found.push(listener);
    return found;
  }

  ofBus(bus: BusState): Listener[] {
    const all = [...this.#byPattern, ...[...this.#bySubject.values()].flatMap((those) => [...those])];
    return all.filter((listener) => listener.bus === bus);
  }
}

function isSubject(pattern: string): boolean {
  return !pattern.includes('*') && !pattern.includes('>');
}

interface BusState {
  name: string;
  connected: boolean;
  closed: boolean;
  watchers: Set<(connected: boolean) => void>;
  /** Ends the requests that are still open. */
  pending: Set<(error: Error) => void>;
}

interface Network {
  clock: Clock;
  listeners: Listeners;
  inboxes: number;
  /** Deals the messages of a queue group out in turns. */
  turns: Map<string, number>;
  maxPayload: number;
  carriage: Carriage | null;
}

export interface MemoryNetworkOptions {
  clock: Clock;
  maxPayload?: number;
  /** Without it, everything arrives once, at once, in order. */
  carriage?: Carriage;
}

export function createMemoryNetwork(options: MemoryNetworkOptions): MemoryNetwork {
  const { clock, maxPayload = 1024 * 1024, carriage = null } = options;
  const network: Network = { clock, listeners: new Listeners(), inboxes: 0, turns: new Map(), maxPayload, carriage };
  return { connect: (name = '') => createBus(network, name) };
}

function createBus(network: Network, name: string): MemoryBus {
  const state: BusState = { name, connected: true, closed: false, watchers: new Set(), pending: new Set() };
  const createInbox = () => `_INBOX.${++network.inboxes}`;
  return {
    publish: (subject, data) => {
      if (!state.closed) send(network, state, { subject, data });
    },
    subscribe: (subject, handler, { queue } = {}) => {
      if (state.closed) throw new BusClosedError(`the bus is closed, ${subject} cannot be subscribed to`);
      return listen(network, { bus: state, pattern: subject, queue, handler });
    },
    request: (subject, data, { timeoutMs }) =>
      request(network, state, { subject, data, inbox: createInbox() }, timeoutMs),
    createInbox,
    get connected() {
      return state.connected;
    },
    onConnectionChange: (watcher) => {
      state.watchers.add(watcher);
      return () => state.watchers.delete(watcher);
    },
    maxPayload: network.maxPayload,
    close: async () => close(network, state),
    disconnect: () => setConnected(state, false),
    reconnect: () => setConnected(state, true),
  };
}

function listen(network: Network, listener: Listener): { unsubscribe(): void } {
  network.listeners.add(listener);
  return { unsubscribe: () => network.listeners.delete(listener) };
}

interface Outgoing {
  subject: string;
  data: Uint8Array;
  replyTo?: string;
}

/** Returns how many were to get it. */
function send(network: Network, from: BusState, message: Outgoing): number {
  checkSize(network, message);
  if (!from.connected) return 0;
  const receivers = route(network, from, message.subject);
  if (receivers.length === 0) return 0;
  const copy = { ...message, data: message.data.slice() };
  for (const receiver of receivers) carry(network, from, receiver, copy);
  return receivers.length;
}

function carry(network: Network, from: BusState, receiver: Listener, message: Outgoing): void {
  const { carriage, clock } = network;
  if (!carriage) return queueMicrotask(() => hand(network, receiver, message));
  for (const ms of carriage.travel(from.name, receiver.bus.name)) {
    clock.setTimeout(() => hand(network, receiver, message), ms);
  }
}

function checkSize(network: Network, { subject, data }: Outgoing): void {
  if (data.length > network.maxPayload) throw new RangeError(`${data.length} bytes on ${subject} are too many`);
}

function hand(network: Network, listener: Listener, message: Outgoing): void {
  const { bus } = listener;
  if (!bus.connected || !network.listeners.has(listener)) return;
  const { replyTo } = message;
  listener.handler({
    ...message,
    respond: (data) => {
      if (replyTo !== undefined && !bus.closed) send(network, bus, { subject: replyTo, data });
    },
  });
}

/** Every plain subscriber, and one of each queue group. */
function route(network: Network, from: BusState, subject: string): Listener[] {
  const { carriage } = network;
  const matching = network.listeners
    .of(subject)
    .filter(({ bus }) => bus.connected && (carriage?.knows(from.name, bus.name) ?? true));
  if (matching.every(({ queue }) => queue === undefined)) return matching;
  const queues = new Set(matching.flatMap(({ queue }) => queue ?? []));
  const chosen = [...queues].flatMap((queue) => {
    const members = matching.filter((listener) => listener.queue === queue);
    return pick(network, queue, members);
  });
  return [...matching.filter(({ queue }) => queue === undefined), ...chosen];
}

function pick(network: Network, queue: string, members: Listener[]): Listener[] {
  const turn = network.turns.get(queue) ?? 0;
  network.turns.set(queue, turn + 1);
  const member = members[turn % members.length];
  return member ? [member] : [];
}

function request(
  network: Network,
  state: BusState,
  { subject, data, inbox }: { subject: string; data: Uint8Array; inbox: string },
  timeoutMs: number,
): Promise<BusMessage> {
  if (state.closed) return Promise.reject(new BusClosedError(`the bus is closed, ${subject} cannot be asked`));
  return new Promise((resolve, reject) => {
    checkSize(network, { subject, data });
    const end = () => {
      network.clock.clearTimeout(timer);
      subscription.unsubscribe();
      state.pending.delete(fail);
    };
    const fail = (error: Error) => {
      end();
      reject(error);
    };
    const late = () => fail(new RequestTimeoutError(`no reply on ${subject} within ${timeoutMs} ms`));
    const timer = network.clock.setTimeout(late, timeoutMs);
    const handler = (reply: BusMessage) => {
      end();
      resolve(reply);
    };
    const subscription = listen(network, { bus: state, pattern: inbox, queue: undefined, handler });
    state.pending.add(fail);
    const receivers = send(network, state, { subject, data, replyTo: inbox });
    // A bus that is cut off hears nothing, not even that there is nobody.
    if (receivers === 0 && state.connected) fail(new NoRespondersError(`nobody listens on ${subject}`));
  });
}

function setConnected(state: BusState, connected: boolean): void {
  if (state.closed || state.connected === connected) return;
  state.connected = connected;
  for (const watcher of [...state.watchers]) watcher(connected);
}

function close(network: Network, state: BusState): void {
  if (state.closed) return;
  setConnected(state, false);
  state.closed = true;
  for (const listener of network.listeners.ofBus(state)) network.listeners.delete(listener);
  for (const fail of [...state.pending]) fail(new BusClosedError('the bus was closed while a reply was awaited'));
}
