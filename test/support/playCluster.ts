import assert from 'node:assert/strict';
import { type Left, noteLeft } from '../../services/scheduler/policy/awaiting.ts';
import { type ReconcileOptions, reconcile } from '../../services/scheduler/policy/reconcile.ts';
import { Room } from '../../services/scheduler/policy/room.ts';
import type { Task } from '../../services/scheduler/policy/work.ts';
import { decide, evolveCommit, type FoldedCommit } from '../../shared/domain/cluster.ts';
import { type ClusterState, draft, emptyLoad, initialState } from '../../shared/domain/clusterState.ts';
import type { Event, NodeEvent } from '../../shared/domain/events.ts';
import { isRejection } from '../../shared/domain/rejection.ts';
import { serializeState } from '../../shared/domain/serializeState.ts';
import type { Action } from './arbitraries.ts';

/** A leader without a log: decides, places, and folds what came of it, one commit an action. */
export class PlayedCluster {
  readonly state: ClusterState;
  readonly commits: FoldedCommit[] = [];
  readonly #before: number;
  /** As a new leader does, it first looks at all that wait. */
  #roomMade = true;

  /** `before`: how many commits led to the state. */
  constructor(state = initialState(), before = 0) {
    this.state = state;
    this.#before = before;
  }

  act(action: Action): void {
    const events = this.#eventsOf(action);
    if (events.length === 0) return;
    this.#commit(events, action.kind === 'command');
    this.settle();
  }

  /** Places what is open; what was evicted may have made room. A new leader does so before anything else happens. */
  settle(): void {
    for (let rounds = 0; this.#commit([], false); rounds++) assert.ok(rounds < 10, 'placing comes to an end');
  }

  #eventsOf(action: Action): Event[] {
    if (action.kind === 'node') return [action.event];
    if (action.kind === 'lose') {
      const { machine } = action;
      const isReady = this.state.machines.get(machine)?.state === 'ready';
      return isReady ? [{ type: 'MachineLost', machine, reason: 'no heartbeat' }] : [];
    }
    const decided = decide(this.state, action.command);
    return isRejection(decided) ? [] : decided;
  }

  /** One commit of these events and the placements that they lead to; false where there is neither. */
  #commit(events: Event[], isCommand: boolean): boolean {
    const seq = this.#before + this.commits.length + 1;
    const at = 1_000 * seq;
    const tried = draft(this.state);
    const room = new Room();
    const left: Left = new Map();
    for (const event of events) {
      if (isNodeEvent(event)) continue;
      noteLeft(left, tried, event, seq);
      room.evolve(tried, event, { seq, at });
    }
    const tasks = reconcileAll(tried, seq, { includeWaiting: this.#roomMade || room.isMade, room, left });
    this.#roomMade = room.isMade;
    if (events.length + tasks.length === 0) return false;
    const commit = { at, events: [...events, ...tasks], ...(isCommand ? { commands: [{ id: `c${seq}` }] } : {}) };
    if (isCommand) evolveCommit(tried, { at, events: [], commands: [{ id: `c${seq}` }] }, seq);
    const foreseen = serializeState(tried);
    evolveCommit(this.state, commit, seq);
    this.commits.push(commit);
    if (!events.some(isNodeEvent))
      assert.equal(serializeState(this.state), foreseen, 'a draft foresees what is folded');
    return true;
  }
}

export function reconcileAll(state: ClusterState, seq: number, options: Partial<ReconcileOptions> = {}): Task[] {
  return reconcile(state, { includeWaiting: true, maxTasks: 1_000, moment: { seq, at: 1_000 * seq }, ...options });
}

function isNodeEvent(event: Event): event is NodeEvent {
  return event.type === 'NodeSynced' || event.type === 'UnitStateReported' || event.type === 'UnitStateForgotten';
}

/** Everything in a state that is derived from its units, without what is empty, in one order. */
export function indexesOf(state: ClusterState, names: readonly string[]): unknown {
  return names.map((name) => ({
    name,
    assigned: [...state.assigned.get(name)].sort(),
    conflicting: [...state.conflicting.get(name)].sort(),
    followers: [...state.followers.get(name)].sort(),
    leaving: [...state.leaving.get(name)].sort(),
    load: state.loads.get(name) ?? emptyLoad,
  }));
}
