import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { CommandError, runCommand } from '../../shared/embedded/runCommand.ts';
import { createLabRecord, namespaceName } from './labRecord.ts';
import { Network, operator } from './network.ts';
import { tearDown } from './teardown.ts';

const skip = process.getuid?.() === 0 ? false : 'only root may make network namespaces';

async function startNetwork(t: TestContext, ...hosts: string[]): Promise<Network> {
  const lab = await createLabRecord();
  t.after(() => tearDown(lab));
  await runCommand('ip', ['netns', 'add', namespaceName(lab, operator)], { timeoutMs: 10_000 });
  return Network.create(lab, hosts);
}

/** Where nobody listens, a host that is reached refuses at once, and one that is not says nothing. */
async function reaches(network: Network, from: string, to: string): Promise<boolean> {
  const script = `(exec 3<>/dev/tcp/${network.addressOf(to)}/9) 2>&1 | grep -q refused`;
  const [program = '', ...args] = network.on(from, 'timeout', '1', 'bash', '-c', script);
  return runCommand(program, args, { timeoutMs: 10_000 }).then(
    () => true,
    (error) => {
      if (error instanceof CommandError) return false;
      throw error;
    },
  );
}

test('a host that is cut off reaches nobody and is not reached, until it is healed', { skip }, async (t) => {
  const network = await startNetwork(t, 'a', 'b');
  for (const direction of ['both', 'in', 'out'] as const) {
    assert.ok(await reaches(network, 'a', 'b'), 'before');
    await network.cut('a', direction);
    assert.ok(!(await reaches(network, 'a', 'b')), direction);
    assert.ok(!(await reaches(network, operator, 'a')), direction);
    assert.ok(await reaches(network, operator, 'b'), 'others are not touched');
    await network.heal('a');
  }
});

test('two sides that are separated still reach their own', { skip }, async (t) => {
  const network = await startNetwork(t, 'a', 'b', 'c', 'd');
  await network.separate(['a', 'b'], ['c', 'd']);
  const reached = async (from: string, to: string) => ((await reaches(network, from, to)) ? `${from}${to}` : '');
  const pairs = [reached('a', 'b'), reached('c', 'd'), reached('a', 'c'), reached('d', 'b'), reached(operator, 'a')];
  assert.deepEqual(await Promise.all(pairs), ['ab', 'cd', '', '', 'opa']);
});

test('what a host with a slow link sends takes its time; healed, the link is as before', { skip }, async (t) => {
  const network = await startNetwork(t, 'a', 'b');
  await network.slow('a', { delayMs: 300, jitterMs: 100, lossPercent: 0 });
  const startedAt = performance.now();
  assert.ok(await reaches(network, 'a', 'b'));
  assert.ok(performance.now() - startedAt >= 200);
  await network.quicken('a');
  await network.slow('a', { delayMs: 0, jitterMs: 0, lossPercent: 100 });
  assert.ok(!(await reaches(network, 'a', 'b')));
  await network.quicken('a');
  assert.ok(await reaches(network, 'a', 'b'));
});
