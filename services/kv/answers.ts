import type { KvResponse, KvResult } from '../../shared/domain/kv.ts';

/** What was answered to a request; null: so much that it was not kept. */
export type Answer = KvResult[] | null;

/** So many requests can be asked again after a change of leader, and so much is kept for them. */
const mostAnswers = 10_000;
const mostBytes = 16 * 1024 * 1024;
const mostBytesOfOne = 64 * 1024;
const roughBytesPerAnswer = 100;

/** A single result of a put, as nearly all are, is kept as its revision: a hundred bytes less for each. */
type Kept = Answer | number;

/**
 * The answers to the last requests by their ids: part of the folded state, so that whoever leads answers a request that
 * comes again instead of executing it again.
 */
export class Answers {
  readonly #answers = new Map<string, Kept>();
  /** The ids in the order they came in; those before `#first` are forgotten. */
  #order: string[] = [];
  #first = 0;
  #bytes = 0;

  constructor(entries: Iterable<readonly [string, Answer]> = []) {
    for (const [id, answer] of entries) this.add(id, answer);
  }

  /** Undefined: no such request is known. */
  get(id: string): Answer | undefined {
    const kept = this.#answers.get(id);
    return typeof kept === 'number' ? putDone(kept) : kept;
  }

  add(id: string, answer: Answer): void {
    const kept = compact(answer);
    this.#answers.set(id, kept);
    this.#order.push(id);
    this.#bytes += sizeOf(kept);
    while (this.#answers.size > mostAnswers || this.#bytes > mostBytes) this.#dropOldest();
  }

  entries(): [string, Answer][] {
    return this.#order.slice(this.#first).map((id) => [id, this.get(id) ?? null]);
  }

  #dropOldest(): void {
    const id = this.#order[this.#first++] ?? '';
    this.#bytes -= sizeOf(this.#answers.get(id) ?? null);
    this.#answers.delete(id);
    if (this.#first < mostAnswers) return;
    this.#order = this.#order.slice(this.#first);
    this.#first = 0;
  }
}

function putDone(revision: number): Answer {
  return [{ ok: true, revision, response: { type: 'Put' } }];
}

function compact(answer: Answer): Kept {
  const [only, ...others] = answer ?? [];
  const isPut = only?.ok === true && only.response.type === 'Put' && only.response.prevKv === undefined;
  if (isPut && others.length === 0) return only.revision;
  return sizeOf(answer) > mostBytesOfOne ? null : answer;
}

function sizeOf(kept: Kept): number {
  if (kept === null || typeof kept === 'number') return roughBytesPerAnswer;
  return kept.reduce((sum, result) => sum + sizeOfResult(result), roughBytesPerAnswer);
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
