import { describe, test } from 'node:test';
import { given } from '../../test/support/deciderSpec.ts';

const started = { type: 'RebalanceStarted', reason: 'a new machine', maxMoves: 10 } as const;
const begin = { type: 'Rebalance', reason: 'a new machine', maxMoves: 10 } as const;
const stop = { type: 'StopRebalance', reason: 'enough' } as const;
const stopped = { type: 'RebalanceEnded', moves: 0, outcome: 'stopped', reason: 'enough' } as const;

describe('a rebalance', () => {
  test('begins when none is under way, and goes on when it is asked for again', () => {
    given().when(begin).leadsTo(started);
    given(started).when(begin).leadsTo();
    given(started, stopped).when(begin).leadsTo(started);
  });

  test('is stopped where one is under way', () => {
    given(started).when(stop).leadsTo(stopped);
    given().when(stop).leadsTo();
    given(started, stopped).when(stop).leadsTo();
  });
});
