import { type NoticeSource, type Notices, parseNotices } from './notices.ts';

/** Notices in memory: what a message says is there at once. */
export class FakeNotices implements NoticeSource {
  readonly #said = new Map<string, string>();
  readonly #listeners = new Set<() => void>();
  #messages = 0;

  /** @param message as sd_notify(3) writes it: one variable a line. */
  say(message: string): void {
    this.#messages++;
    for (const line of message.split('\n')) this.#said.set(line.split('=', 1)[0] ?? '', `${this.#messages} ${line}\n`);
    for (const listener of [...this.#listeners]) listener();
  }

  current(): Notices {
    return parseNotices([...this.#said.values()].join(''));
  }

  watch(onChange: () => void): () => void {
    this.#listeners.add(onChange);
    return () => this.#listeners.delete(onChange);
  }
}
