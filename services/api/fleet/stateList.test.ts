import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Event } from '../../../shared/domain/events.ts';
import { actions } from '../../../test/support/arbitraries.ts';
import { PlayedCluster } from '../../../test/support/playCluster.ts';
import { stateKeys } from './entities.ts';
import { StateList } from './stateList.ts';

test('whatever happens, the list that is kept is the one that would be made now', () => {
  fc.assert(
    fc.property(actions, (history) => {
      const cluster = new PlayedCluster();
      let tell: (events: readonly Event[]) => void = () => undefined;
      const names = () => [...cluster.state.units.keys()].sort();
      const list = new StateList({
        onEvents: (listener) => {
          tell = listener;
        },
        get unitNames() {
          return names();
        },
      });
      for (const action of history) {
        const from = cluster.commits.length;
        cluster.act(action);
        for (const { events } of cluster.commits.slice(from)) tell(events);
        assert.deepEqual(list.keys(cluster.state), stateKeys(cluster.state, names(), {}));
      }
    }),
    { numRuns: 200 },
  );
});
