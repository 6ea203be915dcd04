/** So many turns of the event loop after data have come, the ping goes out: by then their credit has been written. */
const turnsLater = 3;

/**
 * Pings a client that sends data, one ping at a time, as etcd's own server does (which estimates its bandwidth so). A
 * client written in Go that has nothing else to do sleeps in whole milliseconds, however soon its next timer is due, and
 * word from the server wakes it: one that paces what it sends, such as `etcdctl check perf`, keeps closer to its pace.
 */
export class Pulse {
  readonly #ping: () => void;
  #isUnderWay = false;

  constructor(ping: () => void) {
    this.#ping = ping;
  }

  /** Data have come. */
  beat(): void {
    if (this.#isUnderWay) return;
    this.#isUnderWay = true;
    later(turnsLater, this.#ping);
  }

  /** The client has answered. */
  answered(): void {
    this.#isUnderWay = false;
  }
}

function later(turns: number, action: () => void): void {
  setImmediate(() => (turns > 1 ? later(turns - 1, action) : action()));
}
