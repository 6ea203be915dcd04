import assert from 'node:assert/strict';
import { type ClusterCommand, decide, evolve } from '../../shared/domain/cluster.ts';
import { type ClusterState, initialState } from '../../shared/domain/clusterState.ts';
import type { ClusterEvent, Event } from '../../shared/domain/events.ts';
import { isRejection, type RejectionCode } from '../../shared/domain/rejection.ts';
import { serializeState } from '../../shared/domain/serializeState.ts';

/** The state after these events, each a commit of its own: the first has the sequence 1 and happens at 1,000 ms. */
export function fold(events: readonly Event[]): ClusterState {
  const state = initialState();
  for (const [index, event] of events.entries()) evolve(state, event, { seq: index + 1, at: 1_000 * (index + 1) });
  return state;
}

/** Specifies the cluster's decider: `given(events).when(command).then(events)`, or `.isRefused(code, message)`. */
export function given(...events: Event[]) {
  return {
    when(command: ClusterCommand) {
      const state = fold(events);
      const before = serializeState(state);
      const decided = decide(state, command);
      assert.equal(serializeState(state), before, 'to decide changes nothing');
      return {
        leadsTo: (...expected: ClusterEvent[]) => assert.deepEqual(decided, expected),
        isRefused(code: RejectionCode, message: RegExp, details: (RegExp | string)[] = []) {
          assert.ok(isRejection(decided), `expected a rejection, got ${JSON.stringify(decided)}`);
          assert.equal(decided.code, code);
          assert.match(decided.message, message);
          assert.equal(decided.details.length, details.length, decided.details.join('; '));
          for (const [index, detail] of details.entries())
            assert.match(decided.details[index] ?? '', new RegExp(detail));
        },
      };
    },
  };
}
