import assert from 'node:assert/strict';
import fc from 'fast-check';
import { GrpcStatus } from '../grpc/grpcStatus.ts';
import { KVService } from '../messages.ts';
import type { GrpcClient } from './grpcClient.ts';
import { operations } from './operations.ts';
import { compactionOf, perform } from './perform.ts';

export interface ServerComparison {
  /** The judge. */
  real: GrpcClient;
  ours: GrpcClient;
  /** Sequences of operations. */
  runs: number;
  seed: number;
}

/**
 * Has both servers, which were empty, do the same, and compares what they answer. Both keep their state from one sequence to the next:
 * what is different is reported where it shows first. Resolves with what was done, in words.
 */
export async function compareServers({ real, ours, runs, seed }: ServerComparison): Promise<string> {
  const counts = new Map<string, number>();
  let compactRevision = 0;
  let refusals = 0;
  for (const operation of fc.sample(operations, { numRuns: runs, seed }).flat()) {
    const moment = { revision: await currentRevision(real), compactRevision };
    const expected = await perform(real, operation, moment);
    const where = `${JSON.stringify(operation)} at ${JSON.stringify(moment)}, seed ${seed}`;
    assert.deepEqual(await perform(ours, operation, moment), expected, where);
    counts.set(operation.type, (counts.get(operation.type) ?? 0) + 1);
    if (isRefusal(expected)) refusals += 1;
    else if (operation.type === 'compact') compactRevision = compactionOf(operation, moment);
  }
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const each = [...counts].map(([type, count]) => `${count} ${type}`).join(', ');
  return `${runs} sequences, ${total} operations (${each}), ${refusals} of them refused: all answered the same`;
}

async function currentRevision(client: GrpcClient): Promise<number> {
  const answer = await client.call(KVService.Range, { key: 'a', countOnly: true });
  assert.ok(!(answer instanceof GrpcStatus), answer instanceof GrpcStatus ? answer.message : '');
  return answer.header?.revision ?? 0;
}

function isRefusal(answer: unknown): boolean {
  return typeof answer === 'object' && answer !== null && 'code' in answer;
}
