import type { KvResponse, KvResult } from '../../shared/domain/kv.ts';

/** What was answered to a request; null: so much that it was not kept. */
export type Answer = KvResult[] | null;

/** So many requests can be asked again after a change of leader, and so much is kept for them. */
const mostAnswers = 10_000;
const mostBytes = 16 * 1024 * 1024;
const mostBytesOfOne = 64 * 1024;
const roughBytesPerAnswer = 100;

/**
 * The answers to the last requests by their ids: part of the folded state, so that whoever leads answers a request that
 * comes again instead of executing it again.
 */
export class Answers {
  readonly #answers = new Map<string, Answer>();
  #bytes = 0;

  constructor(entries: Iterable<readonly [string, Answer]> = []) {
    for (const [id, answer] of entries) this.add(id, answer);
  }

  /** Undefined: no such request is known. */
  get(id: string): Answer | undefined {
    return this.#answers.get(id);
  }

  add(id: string, answer: Answer): void {
    const bytes = sizeOf(answer);
    const kept = bytes > mostBytesOfOne ? null : answer;
    this.#answers.set(id, kept);
    this.#bytes += kept === null ? sizeOf(null) : bytes;
    while (this.#answers.size > mostAnswers || this.#bytes > mostBytes) this.#dropOldest();
  }

  entries(): [string, Answer][] {
    return [...this.#answers];
  }

  #dropOldest(): void {
    for (const [id, answer] of this.#answers) {
      this.#answers.delete(id);
      this.#bytes -= sizeOf(answer);
      return;
    }
  }
}

function sizeOf(answer: Answer): number {
  return (answer ?? []).reduce((sum, result) => sum + sizeOfResult(result), roughBytesPerAnswer);
}

/** Only what gives back keys can be large. */
function sizeOfResult(result: KvResult): number {
  return result.ok && mayBeLarge(result.response) ? JSON.stringify(result).length : roughBytesPerAnswer;
}

function mayBeLarge(response: KvResponse): boolean {
  switch (response.type) {
    case 'Put':
      return response.prevKv !== undefined;
    case 'DeleteRange':
      return response.prevKvs.length > 0;
    case 'Range':
    case 'Txn':
      return true;
    default:
      return false;
  }
}
