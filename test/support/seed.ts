import { randomInt } from 'node:crypto';

/**
 * Where a random test starts: FLOTILLA_TEST_SEED, which `npm test` sets to the same number for the same sources, so that
 * what passed on one machine passes on the next; by itself a test file tries other examples each time.
 */
export function testSeed(env: NodeJS.ProcessEnv = process.env): number {
  return env.FLOTILLA_TEST_SEED === undefined ? randomInt(2 ** 31) : Number(env.FLOTILLA_TEST_SEED);
}
