import { evolveCommit } from '../domain/cluster.ts';
import { type ClusterState, initialState } from '../domain/clusterState.ts';
import type { Event } from '../domain/events.ts';
import { restoreState, serializeState } from '../domain/serializeState.ts';
import type { Commit } from '../protocol/commit.ts';
import { schemaVersion } from '../protocol/upcasts.ts';
import { Fold, type Head } from './fold.ts';

/** The fold of the `FLOTILLA` stream: the cluster's state. */
export class Projection extends Fold<Event> {
  readonly state: ClusterState;

  constructor(state = initialState(), seq = 0, heads = new Map<string, Head>()) {
    super(seq, heads);
    this.state = state;
  }

  protected override evolve(commit: Commit, seq: number): void {
    evolveCommit(this.state, commit, seq);
  }

  /** The whole projection as bytes, to go on from later: {@link Projection.restore}. */
  snapshot(): Uint8Array {
    const content = { v: schemaVersion, seq: this.seq, heads: [...this.heads], state: serializeState(this.state) };
    return new TextEncoder().encode(JSON.stringify(content));
  }

  /** Null when it was written by another version: then the log is folded from its beginning. */
  static restore(data: Uint8Array): Projection | null {
    const { v, seq, heads, state } = JSON.parse(new TextDecoder().decode(data));
    return v === schemaVersion ? new Projection(restoreState(state), seq, new Map(heads)) : null;
  }
}
