import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { startTestCluster } from '../support/cluster.ts';
import { dockerSkip, ensureImage } from '../support/docker.ts';
import { until } from '../support/until.ts';

const skip = await dockerSkip();
const program = join(import.meta.dirname, '../../dist/flotilla.js');
const units = {
  'process.service':
    '[Service]\nEnvironment=COLOUR=blue\nWorkingDirectory=/usr/lib\nUser=nobody\nExecStart=/bin/sleep 1000\n',
  'container.service':
    '[Container]\nImage=flotilla/busybox\nExec=sleep 1000\nNetwork=none\nRunInit=yes\nEnvironment=COLOUR=blue\nWorkingDir=/usr\n',
};

describe('flotilla exec', { skip, timeout: 120_000 }, () => {
  it('runs a command where the unit runs: input, output, exit code, terminal, signals, and who did it', async (t) => {
    await ensureImage('busybox');
    const cluster = await startTestCluster(t, { nodes: 1, runtime: 'auto' });
    const files = await Promise.all(
      Object.entries(units).map(async ([name, content]) => {
        const path = join(cluster.dir, name);
        await writeFile(path, content);
        return path;
      }),
    );
    const started = await cluster.cli('start', ...files);
    assert.equal(started.code, 0, started.stderr);
    for (const unit of Object.keys(units)) await tryUnit(cluster.dir, unit);

    const asNobody = await run(cluster.dir, 'process', ['id', '-un']);
    assert.equal(asNobody.out, 'nobody\n');
    const { stdout } = await cluster.cli('events', '--unit', 'process.service');
    assert.match(stdout, /@.* ran id -un in process\.service on/);
    const stopped = await cluster.cli('stop', 'process.service');
    assert.equal(stopped.code, 0);
    const refused = await run(cluster.dir, 'process', ['true']);
    assert.equal(refused.code, 1);
    assert.match(refused.err, /process\.service does not run: it is inactive \(dead\); start it first/);
    assert.match((await run(cluster.dir, 'nobody', ['true'])).err, /nobody\.service is not known to the cluster/);
  });
});

async function tryUnit(dir: string, unit: string): Promise<void> {
  const both = await run(dir, unit, ['sh', '-c', 'echo "$COLOUR in $PWD"; echo wrong >&2; exit 7']);
  const place = unit === 'process.service' ? '/usr/lib' : '/usr';
  assert.deepEqual(both, { code: 7, out: `blue in ${place}\n`, err: 'wrong\n' }, unit);

  const input = Buffer.from(Uint8Array.from({ length: 3_000_000 }, (_, i) => i % 251));
  const sum = createHash('sha256').update(input).digest('hex');
  const piped = await run(dir, unit, ['sha256sum'], { options: ['-i'], input });
  assert.deepEqual([piped.code, piped.out.slice(0, 64)], [0, sum], unit);

  const noise = await run(dir, unit, ['sh', '-c', 'head -c 2000000 /dev/zero | tr "\\\\0" x']);
  assert.equal(noise.out.length, 2_000_000, unit);

  const missing = await run(dir, unit, ['/no/such/program']);
  assert.notEqual(missing.code, 0, unit);

  // A terminal of 100 columns, in which another one is asked for, and which grows.
  const flag = join(dir, `grown-${unit}`);
  const shown =
    'until stty size 2>/dev/null | grep -x "30 100"; do sleep 0.1; done; test -t 0; echo "tty $?"; read x; echo "got $x"';
  const grown = 'until stty size | grep -qx "40 120"; do sleep 0.1; done; exit 3';
  const inner = `${process.execPath} ${program} exec -it ${unit} --dir ${dir} -- sh -c '${shown}; ${grown}'`;
  const growing = `t=$(tty); (until test -e ${flag}; do sleep 0.1; done; stty -F $t rows 40 columns 120) &`;
  const typed = spawn('script', ['-qec', `stty rows 30 columns 100; ${growing} ${inner}`, '/dev/null'], {
    stdio: 'pipe',
  });
  let seen = '';
  typed.stdout.on('data', (data) => {
    seen += data;
  });
  const ended = new Promise<number | null>((resolve) => void typed.once('close', resolve));
  await until(`the terminal of ${unit} says its size`, () => seen.includes('tty 0'), 20_000);
  typed.stdin.write('hello\r');
  await until(`what is typed arrives in ${unit}`, () => seen.includes('got hello'), 20_000);
  await writeFile(flag, '');
  assert.equal(await ended, 3, seen);
  assert.match(seen, /30 100\r+\n/);

  const asleep = spawnExec(
    dir,
    unit,
    ['sh', '-c', 'trap "echo told; exit 5" TERM; echo ready; while :; do sleep 0.1; done'],
    [],
  );
  let said = '';
  asleep.stdout.on('data', (data) => {
    said += data;
  });
  await until(`the command in ${unit} is ready`, () => said.includes('ready'), 20_000);
  asleep.kill('SIGTERM');
  assert.equal(await new Promise((resolve) => void asleep.once('close', resolve)), 5, unit);
  assert.match(said, /told/);
}

function spawnExec(dir: string, unit: string, argv: string[], options: string[]) {
  return spawn(process.execPath, [program, 'exec', ...options, unit, '--dir', dir, '--', ...argv], { stdio: 'pipe' });
}

async function run(
  dir: string,
  unit: string,
  argv: string[],
  { options = [] as string[], input = Buffer.alloc(0) } = {},
) {
  const child = spawnExec(dir, unit, argv, options);
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const code = new Promise<number | null>((resolve) => void child.once('close', resolve));
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, out, err };
}
