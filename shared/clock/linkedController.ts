/**
 * An AbortController that is aborted with any of its parents too. Who made it aborts it when its work is done: then its
 * parents, which may live as long as the process, know nothing of it any more. (What listens to an `AbortSignal.any`
 * is kept alive until one of the signals aborts or it stops listening, even when nobody has those signals any more.)
 */
export class LinkedController extends AbortController {
  readonly #parents: readonly AbortSignal[];
  readonly #follow = ({ target }: Event) => this.abort((target as AbortSignal).reason);

  constructor(...parents: readonly AbortSignal[]) {
    super();
    this.#parents = parents;
    for (const parent of parents) parent.addEventListener('abort', this.#follow, { once: true });
    const aborted = parents.find((parent) => parent.aborted);
    if (aborted) this.abort(aborted.reason);
  }

  override abort(reason?: unknown): void {
    for (const parent of this.#parents) parent.removeEventListener('abort', this.#follow);
    super.abort(reason);
  }
}
