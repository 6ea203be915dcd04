import { startTestCluster, type TestCluster, type TestClusterOptions } from '../../test/support/cluster.ts';

/** Runs something on a cluster of its own, which is gone afterwards whatever happens. */
export async function onCluster<T>(options: TestClusterOptions, use: (cluster: TestCluster) => Promise<T>): Promise<T> {
  const cleanUps: (() => Promise<void>)[] = [];
  try {
    return await use(await startTestCluster({ after: (fn) => cleanUps.push(fn) }, options));
  } finally {
    for (const cleanUp of cleanUps) await cleanUp();
  }
}
