/** systemd itself as the judge of what units are told that OnFailure= and OnSuccess= start. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startSystemd, whyNoManager } from '../../services/node/testing/systemdManager.ts';
import { startTestCluster } from '../support/cluster.ts';
import { until } from '../support/until.ts';

const why = await whyNoManager();
const skip = why === null || process.env.FLOTILLA_REQUIRE_SYSTEMD === '1' ? false : why;

const variables = ['UNIT', 'SERVICE_RESULT', 'EXIT_CODE', 'EXIT_STATUS', 'INVOCATION_ID'];

/** A unit that says what each of its commands is told, in a file of its own. */
function handler(directory: string, name: string): string {
  const told = variables.map((each) => `$MONITOR_${each}`).join('|');
  const lines = ['ExecCondition', 'ExecStartPre', 'ExecStart', 'ExecStartPost', 'ExecStop', 'ExecStopPost'].map(
    (directive) => `${directive}=/bin/sh -c 'echo ${directive} "<${told}>" >> ${join(directory, name)}'`,
  );
  return `[Service]\nType=oneshot\n${lines.join('\n')}\nExecStopPost=/bin/touch ${join(directory, `${name}.done`)}\n`;
}

/** One that starts a handler when it ends, and says which activation of it that was. */
function monitored(directory: string, name: string, kind: string, lines: string, starts = `${name}-handler`): string {
  const note = `ExecStartPre=/bin/sh -c 'echo $INVOCATION_ID >> ${join(directory, 'invocations')}'`;
  return `[Unit]\n${kind}=${starts}.service\n[Service]\nType=oneshot\n${note}\n${lines}\n`;
}

function unitsIn(directory: string): Record<string, string> {
  const cases: [name: string, kind: string, lines: string][] = [
    ['fails', 'OnFailure', 'ExecStart=/bin/false'],
    ['ends', 'OnSuccess', 'ExecStart=/bin/true'],
    ['dies', 'OnFailure', "ExecStart=/bin/sh -c 'kill -9 $$$$'"],
    ['never-runs', 'OnFailure', 'ExecStartPre=/bin/false\nExecStart=/bin/true'],
    ['is-not-there', 'OnFailure', 'ExecStart=/nonexistent'],
    ['hangs', 'OnFailure', 'ExecStart=/bin/sleep 100\nTimeoutStartSec=2s'],
  ];
  const units = Object.fromEntries(
    cases.flatMap(([name, kind, lines]) => [
      [`${name}.service`, monitored(directory, name, kind, lines)],
      [`${name}-handler.service`, handler(directory, name)],
    ]),
  );
  // What two units may start is told of neither.
  return {
    ...units,
    'one.service': monitored(directory, 'one', 'OnFailure', 'ExecStart=/bin/false', 'shared'),
    'other.service': monitored(directory, 'other', 'OnSuccess', 'ExecStart=/bin/sleep 1000', 'shared'),
    'shared.service': handler(directory, 'shared'),
  };
}

const handlers = ['fails', 'ends', 'dies', 'never-runs', 'is-not-there', 'hangs', 'shared'];
const isStarted = (name: string) => !name.includes('handler') && !name.startsWith('shared');

/** By handler: what its commands were told, the ids of known activations by their place. */
async function toldIn(directory: string): Promise<Record<string, string>> {
  await until(
    'all handlers have run',
    async () => {
      const done = handlers.map((name) => readFile(join(directory, `${name}.done`)));
      return (await Promise.allSettled(done)).every(({ status }) => status === 'fulfilled');
    },
    30_000,
  );
  const known = new Set((await readFile(join(directory, 'invocations'), 'utf8')).trim().split('\n'));
  const read = async (name: string): Promise<[string, string]> => {
    const text = await readFile(join(directory, name), 'utf8');
    return [name, text.replaceAll(/\b[0-9a-f]{32}\b/g, (id) => (known.has(id) ? 'a known activation' : 'unknown'))];
  };
  return Object.fromEntries(await Promise.all(handlers.map(read)));
}

test('what OnFailure= and OnSuccess= start is told what it is told under systemd', { skip }, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-monitored-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const [theirs, ours] = [join(directory, 'theirs'), join(directory, 'ours')];
  for (const one of [theirs, ours]) await mkdir(one);

  const units = unitsIn(theirs);
  const systemd = await startSystemd(units, Object.keys(units).filter(isStarted));
  const judged = await systemd
    .start()
    .then(() => toldIn(theirs))
    .finally(() => systemd.close());

  const { client } = await startTestCluster(t, { nodes: 1 });
  const named = Object.entries(unitsIn(ours)).map(([name, text]) => ({ name, text }));
  assert.ok((await client.command({ type: 'SubmitUnits', units: named })).ok);
  const started = await client.command({ type: 'StartUnits', units: named.filter(({ name }) => isStarted(name)) });
  assert.ok(started.ok, JSON.stringify(started));
  assert.deepEqual(await toldIn(ours), judged);
  assert.match(judged.fails ?? '', /ExecStart <fails\.service\|exit-code\|exited\|1\|a known activation>/);
  assert.match(judged.shared ?? '', /ExecStart <\|{4}>/);
});
