import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { systemClock } from '../../../shared/clock/systemClock.ts';
import type { ExecCommand, ServiceSpec } from '../../../shared/domain/unitSpec.ts';
import { until } from '../../../test/support/until.ts';
import { findParentGroup, groupMembers } from './process/controlGroup.ts';
import { readProcess } from './process/processTable.ts';
import { createProcessRuntime, type ProcessRuntime } from './process.ts';
import { commandOf, describeRuntimeContract, serviceOf } from './runtime.contract.ts';
import { type Exit, StartError } from './runtime.ts';

const kinds = [
  { controlGroups: true, kept: false },
  { controlGroups: false, kept: false },
  { controlGroups: true, kept: true },
];
for (const { controlGroups, kept } of kinds) {
  const where = controlGroups ? 'in control groups' : 'in sessions';
  describeRuntimeContract(`processes ${where}${kept ? ', with a keeper' : ''}`, async () => {
    const directory = await newDirectory();
    return {
      makeRuntime: async () => {
        const runtime = runtimeIn(directory, { controlGroups });
        return kept ? listening(runtime) : runtime;
      },
      drop: async (runtime) => (runtime as ProcessRuntime).close(),
      cleanUp: () => rm(directory, { recursive: true }),
      commandThat: {
        runsForever: () => commandOf('sleep', '1000'),
        exitsWith: (code) => commandOf('/bin/sh', '-c', `exit ${code}`),
        prints: (...lines) => commandOf('printf', '%s\\n', ...lines),
        ignoresTerm: () => commandOf('sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 1; done'),
        printsVariable: (name) => commandOf('printenv', name),
        cannotStart: () => commandOf('/no/such/program'),
      },
    };
  });
}

/** The same, whose main commands may talk. */
function listening(runtime: ProcessRuntime): ProcessRuntime {
  const start = runtime.start.bind(runtime);
  runtime.start = (request) => start({ ...request, service: { ...request.service, notifyAccess: 'main' } });
  return runtime;
}

const isRoot = process.getuid?.() === 0;
const unit = 'a.service';
const never = new AbortController().signal;

describe('the output of a command', { timeout: 60_000 }, () => {
  const twice = commandOf('/bin/sh', '-c', 'echo out; echo err >&2');
  for (const [what, outputs, files, journal] of [
    ['nowhere', { standardOutput: { to: 'null' } }, {}, []],
    [
      'into a file, whose rest stays',
      { standardOutput: { to: 'file', path: 'a' } },
      { a: 'out\nerr\nore-before\n' },
      [],
    ],
    [
      'behind what is there',
      { standardOutput: { to: 'append', path: 'a' } },
      { a: 'long-before-before\nout\nerr\n' },
      [],
    ],
    [
      'into an empty file, errors into the journal',
      { standardOutput: { to: 'truncate', path: 'a' }, standardError: { to: 'journal' } },
      { a: 'out\n' },
      ['err'],
    ],
    ['into the journal, errors into a file', { standardError: { to: 'truncate', path: 'b' } }, { b: 'err\n' }, ['out']],
  ] as const) {
    it(`goes ${what}, where the unit says so`, async (t) => {
      const directory = await newDirectory();
      const runtime = runtimeIn(directory);
      t.after(async () => {
        await runtime.remove(unit);
        runtime.close();
        await rm(directory, { recursive: true });
      });
      const at = (output: object) =>
        'path' in output ? { ...output, path: join(directory, `${output.path}`) } : output;
      await writeFile(join(directory, 'a'), 'long-before-before\n');
      const placed = Object.fromEntries(Object.entries(outputs).map(([name, output]) => [name, at(output)]));
      const service = serviceOf(twice, placed);
      const environment = { PATH: '/usr/bin:/bin' };
      const exit = await runtime.run({ unit, command: twice, service, environment }, never);
      assert.deepEqual(exit, { kind: 'exited', code: 0 });
      for (const [name, text] of Object.entries(files))
        assert.equal(await readFile(join(directory, name), 'utf8'), text);
      const lines: string[] = [];
      for await (const line of runtime.journal(unit, { lines: 10, follow: false, signal: never })) lines.push(line);
      assert.deepEqual(lines, journal);
    });
  }

  it('that has no place to go ends the command with 209, as systemd does', async (t) => {
    const directory = await newDirectory();
    const runtime = runtimeIn(directory);
    t.after(async () => {
      await runtime.remove(unit);
      runtime.close();
      await rm(directory, { recursive: true });
    });
    const service = serviceOf(twice, { standardOutput: { to: 'append', path: join(directory, 'no/such/file') } });
    const exit = await runtime.run({ unit, command: twice, service, environment: { PATH: '/usr/bin:/bin' } }, never);
    assert.deepEqual(exit, { kind: 'exited', code: 209 });
  });
});

describe('the process runtime', { timeout: 60_000 }, () => {
  let directory: string;
  let runtime: ProcessRuntime;
  beforeEach(async () => {
    directory = await newDirectory();
    runtime = runtimeIn(directory);
  });
  afterEach(async () => {
    await runtime.remove(unit);
    runtime.close();
    await rm(directory, { recursive: true });
  });

  const start = (command: ExecCommand, service: Partial<ServiceSpec> = {}, environment: Record<string, string> = {}) =>
    runtime.start({ unit, hash: 'h', token: 1, command, service: serviceOf(command, service), environment });
  const run = (command: ExecCommand, service: Partial<ServiceSpec> = {}, environment: Record<string, string> = {}) =>
    runtime.run({ unit, command, service: serviceOf(command, service), environment }, never);
  /** What the command prints. */
  const outputOf = async (...args: Parameters<typeof run>) => {
    assert.deepEqual(await run(...args), { kind: 'exited', code: 0 });
    const text = await readFile(join(directory, 'units', unit, 'journal'), 'utf8');
    await rm(join(directory, 'units', unit, 'journal'));
    return text;
  };
  const sh = (script: string) => commandOf('/bin/sh', '-c', script);

  it('writes into a pipe that nobody reads as under systemd: it is not killed, unless IgnoreSIGPIPE=no', async () => {
    const sigpipe = 1 << 12;
    for (const keeper of [{}, { type: 'forking' }] as const) {
      const ignored = async (changes: Partial<ServiceSpec>) => {
        const main = await start(commandOf('/bin/grep', 'SigIgn', '/proc/self/status'), { ...keeper, ...changes });
        await main.exited;
        const text = await readFile(join(directory, 'units', unit, 'journal'), 'utf8');
        await rm(join(directory, 'units', unit, 'journal'));
        return Number.parseInt(/^SigIgn:\s*(\w+)$/m.exec(text)?.[1] ?? '', 16) & sigpipe;
      };
      assert.deepEqual([await ignored({}), await ignored({ ignoreSigpipe: false })], [sigpipe, 0]);
    }
  });

  it('tells ends as the kernel does', async () => {
    const signals = ['HUP', 'INT', 'QUIT', 'ABRT', 'KILL', 'SEGV', 'PIPE', 'ALRM', 'TERM', 'USR1', 'USR2'];
    const ends = [
      ...[0, 1, 2, 126, 127, 137, 143, 255].map((code) => `exit ${code}`),
      ...signals.map((name) => `kill -${name} $$`),
    ];
    for (const script of ends) {
      const main = await start(sh(script), { ignoreSigpipe: false });
      assert.deepEqual(await main.exited, await endOf(script), script);
    }
  });

  it('gives a command its environment and nothing else, whatever the names', async () => {
    for (const environment of [
      {},
      { PATH: '/usr/bin', HOME: '/', EMPTY: '', QUOTES: `it's "so" $HOME \`x\`\nand a line` },
      { IFS: 'x', PWD: '/nowhere', OLDPWD: 'y', PPID: '1', OPTIND: '7', PS4: '$(date)', 'odd.name': '1', '2': 'two' },
      { LD_PRELOAD: '', LD_LIBRARY_PATH: '/nowhere', ENV: '/nowhere', BASH_ENV: '/nowhere' },
    ]) {
      const output = await outputOf(commandOf('/usr/bin/env', '-0'), {}, environment);
      const entries = output
        .split('\0')
        .slice(0, -1)
        .map((entry) => /^([^=]*)=(.*)$/s.exec(entry)?.slice(1) ?? []);
      assert.deepEqual(Object.fromEntries(entries), environment);
    }
  });

  it('hands arguments on as they are', async () => {
    const args = ['', ' ', '$HOME', '*', '"', "'", '\\', '-n', 'a\nb', 'é\u{1f6a2}', '`id`'];
    assert.equal(
      await outputOf(commandOf('/usr/bin/printf', '%s\\0', ...args)),
      args.map((arg) => `${arg}\0`).join(''),
    );
  });

  it('gives a command default signals but for SIGPIPE, no input, and no files but those that any child of the agent has', async () => {
    const status = await outputOf(commandOf('/bin/cat', '/proc/self/status'));
    const masks = [...status.matchAll(/^Sig(?:Blk|Ign|Cgt):\s+(\w+)$/gm)].map(([, mask]) => Number(`0x${mask}`));
    assert.deepEqual(masks, [0, 1 << 12, 0]);
    const files = 'readlink /proc/self/fd/0; ls /proc/self/fd | wc -l';
    const judge = execFileSync('/bin/sh', ['-c', files], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    assert.equal(await outputOf(sh(files)), judge);
  });

  it('runs in the directory and with the umask that the unit says, or in / and 0022', async () => {
    const where = commandOf('/bin/sh', '-c', 'pwd; umask');
    const missing = join(directory, 'missing');
    assert.equal(await outputOf(where), '/\n0022\n');
    assert.equal(
      await outputOf(where, { umask: 0o7, workingDirectory: { path: '/usr', optional: false } }),
      '/usr\n0007\n',
    );
    assert.equal(await outputOf(where, { workingDirectory: { path: missing, optional: true } }), '/\n0022\n');
    await assert.rejects(
      run(where, { workingDirectory: { path: missing, optional: false } }),
      startError(/no such directory/),
    );
  });

  it('runs as the user and group that the unit says', { skip: !isRoot && 'only root can' }, async () => {
    const who = sh('id -u; id -g; id -G');
    const judge = (...options: string[]) => execFileSync('id', [...options, 'nobody'], { encoding: 'utf8' });
    assert.equal(await outputOf(who, { user: 'nobody' }), judge('-u') + judge('-g') + judge('-G'));
    assert.match(await outputOf(who, { user: 'nobody', group: 'daemon' }), /^\d+\n1\n1\b/);
    assert.equal(await outputOf(who, { group: 'daemon' }), '0\n1\n1\n');
    assert.equal(await outputOf({ ...who, privileged: true }, { user: 'nobody' }), '0\n0\n0\n');
    const main = await start(commandOf('sleep', '1000'), { user: 'nobody' });
    await main.signal('SIGTERM', 'main');
    assert.deepEqual(await main.exited, { kind: 'killed', signal: 'SIGTERM' });
  });

  it('calls a program by the name that the prefix @ gives it', async () => {
    const named = {
      ...commandOf('/bin/sh', '-c', 'echo "$0"'),
      argv: ['another name', '-c', 'tr "\\0" , </proc/$$/cmdline'],
    };
    assert.match(await outputOf(named, {}, { PATH: '/usr/bin:/bin' }), /^another name,/);
  });

  it('says why a command cannot be started', async () => {
    const file = async (name: string, text: string, mode: number) => {
      await writeFile(join(directory, name), text, { mode });
      return commandOf(join(directory, name));
    };
    const sleep = commandOf('sleep', '1000');
    await assert.rejects(start(commandOf('/no/such/program')), startError(/\/no\/such\/program: no such file/));
    await assert.rejects(start(commandOf('no-such-program')), startError(/no-such-program: no such program in PATH/));
    await assert.rejects(start(commandOf(directory)), startError(/not a regular file/));
    await assert.rejects(start(await file('plain', '', 0o644)), startError(/not executable/));
    await assert.rejects(
      start(await file('script', '#!/no/such/interpreter\n', 0o755), {}, { PATH: '/bin' }),
      startError(/first line/),
    );
    await assert.rejects(start(sleep, { user: 'no-such-user' }), startError(/User=no-such-user: no such user/));
    await assert.rejects(start(sleep, { group: 'no-such-group' }), startError(/Group=no-such-group: no such group/));
    await assert.rejects(start(sleep, {}, { LONG: 'x'.repeat(3_000_000) }), startError(/E2BIG/));
    assert.equal(await runtime.adopt({ unit, hash: 'h' }), null);
  });

  it('finds a daemon that left its session, once the main process is gone', { skip: noGroups() }, async () => {
    const main = await start(sh('setsid -f sleep 1000'), {}, { PATH: '/usr/bin:/bin' });
    assert.deepEqual(await main.exited, { kind: 'exited', code: 0 });
    const [daemon = 0] = await groupMembers(await groupOfUnit());
    // Between fork and exec it still is setsid.
    await until('the daemon sleeps', () => readFileSync(`/proc/${daemon}/cmdline`, 'utf8').startsWith('sleep\0'));
    await main.signal('SIGKILL', 'all');
    await gone(daemon);
  });

  it('ends what a control command left behind before it starts the unit', { skip: noGroups() }, async () => {
    const left = Number(await outputOf(sh('setsid sleep 1000 >/dev/null & echo $!'), {}, { PATH: '/usr/bin:/bin' }));
    assert.ok(readProcess(left));
    await start(commandOf('sleep', '1000'));
    assert.equal(readProcess(left), null);
  });

  it('leaves no control group behind', { skip: noGroups() }, async () => {
    await start(commandOf('sleep', '1000'));
    const group = await groupOfUnit();
    assert.ok(existsSync(group));
    await runtime.remove(unit);
    assert.equal(existsSync(dirname(group)), false);
  });

  it('ends a command that left its session, also without control groups', async () => {
    const sessions = runtimeIn(directory, { controlGroups: false });
    const command = sh('exec setsid sh -c "echo left; exec sleep 1000"');
    const request = { unit, command, service: serviceOf(command), environment: { PATH: '/usr/bin:/bin' } };
    const abort = new AbortController();
    const exit = sessions.run(request, abort.signal);
    for await (const line of sessions.journal(unit, { lines: 9, follow: true, signal: abort.signal })) {
      assert.equal(line, 'left');
      abort.abort();
    }
    assert.deepEqual(await exit, { kind: 'killed', signal: 'SIGKILL' });
    sessions.close();
  });

  it('outlives a command that signals its whole process group', async () => {
    const main = await start(sh('kill -TERM 0; sleep 1000'));
    assert.deepEqual(await main.exited, { kind: 'killed', signal: 'SIGTERM' });
  });

  it('tells of a loss when the shim is killed, and ends what it left before the next start', async () => {
    const main = await start(commandOf('sleep', '1000'));
    const left = main.pid ?? 0;
    process.kill(shimOf(left), 'SIGKILL');
    assert.equal((await main.exited).kind, 'lost');
    assert.ok(readProcess(left), 'nobody ended the command');
    await start(commandOf('sleep', '1000'));
    assert.equal(readProcess(left), null);
  });

  it('takes neither a process that got a dead pid, nor anything from before a reboot, for its own', async () => {
    const main = await start(commandOf('sleep', '1000'));
    const record = join(directory, 'units', unit, 'main');
    const text = await readFile(record, 'utf8');
    const other = await newDirectory();
    for (const forged of [
      text.replace(/^(shim (\S+ ){21})\d+/, '$11'),
      text.replace(/^identity \S+/m, 'identity another-boot'),
    ]) {
      assert.notEqual(forged, text);
      const stranger = runtimeIn(other);
      await stranger.run({ unit, command: sh(':'), service: serviceOf(sh(':')), environment: {} }, never);
      await writeFile(join(other, 'units', unit, 'main'), forged.replace(/^group .*\n/m, ''));
      const adopted = await stranger.adopt({ unit, hash: 'h' });
      assert.equal((await adopted?.exited)?.kind, 'lost');
      await adopted?.signal('SIGKILL', 'all');
      await stranger.remove(unit);
      stranger.close();
    }
    await rm(other, { recursive: true });
    assert.ok(readProcess(main.pid ?? 0), 'a stranger was killed');
  });

  it('finds again what it ran when the agent is killed with -9, and how it ended meanwhile', async () => {
    const agent = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', agentScript(directory)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [pids] = await once(agent.stdout, 'data');
    const [running = 0, ending = 0] = String(pids).trim().split(' ').map(Number);
    agent.kill('SIGKILL');
    await once(agent, 'exit');
    process.kill(ending, 'SIGUSR1');
    const main = await runtime.adopt({ unit: 'running.service', hash: 'h' });
    assert.equal(main?.pid, running);
    const ended = await runtime.adopt({ unit: 'ending.service', hash: 'h' });
    assert.deepEqual(await ended?.exited, { kind: 'killed', signal: 'SIGUSR1' });
    await main?.signal('SIGTERM', 'main');
    assert.deepEqual(await main?.exited, { kind: 'killed', signal: 'SIGTERM' });
    const record = await readFile(join(directory, 'units', 'running.service', 'main'), 'utf8');
    for (const name of await runtime.list()) await runtime.remove(name);
    const group = /^group (.*)$/m.exec(record)?.[1];
    assert.equal(
      group !== undefined && existsSync(dirname(group)),
      false,
      'the control group of the old agent is left',
    );
  });

  it('keeps the journal within its limit while a unit prints', async () => {
    const small = runtimeIn(directory, { journalBytes: 1000 });
    const print = commandOf('/usr/bin/printf', `${'x'.repeat(99)}\\n%.0s`, ...Array.from({ length: 15 }, String));
    for (let i = 0; i < 5; i++) {
      await small.run({ unit, command: print, service: serviceOf(print), environment: {} }, never);
    }
    small.close();
    const sizes = ['journal', 'journal.1'].map((name) => readFileSync(join(directory, 'units', unit, name)).length);
    assert.deepEqual(sizes, [1500, 1500]);
  });

  it('says why it cannot work at all', async () => {
    const broken = runtimeIn(join(directory, 'shim.sh', 'below-a-file'));
    await runtime.unavailable();
    assert.match((await broken.unavailable()) ?? '', /^processes cannot be run from .*ENOTDIR/);
  });

  it('keeps units apart whose names are alike, and none outside its directory', async () => {
    const names = ['a@%2e.service', '..', 'x/../y.service', '.a.service', 'a\\x2db.service', 'é@1.service'];
    const command = commandOf('/bin/true');
    for (const name of names)
      await runtime.run({ unit: name, command, service: serviceOf(command), environment: {} }, never);
    assert.deepEqual((await runtime.list()).sort(), names.sort());
    for (const name of names) await runtime.remove(name);
    assert.deepEqual(await runtime.list(), []);
  });

  async function groupOfUnit(): Promise<string> {
    const record = await readFile(join(directory, 'units', unit, 'main'), 'utf8');
    return /^group (.*)$/m.exec(record)?.[1] ?? assert.fail('it is in no group');
  }
});

async function newDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'flotilla-process-'));
}

function runtimeIn(
  directory: string,
  options: { controlGroups?: boolean; journalBytes?: number } = {},
): ProcessRuntime {
  return createProcessRuntime({ directory, machine: directory.slice(-6), clock: systemClock, ...options });
}

/** The judge: how the script ends as a child of Node. */
async function endOf(script: string): Promise<Exit> {
  const [code, signal] = await once(spawn('/bin/sh', ['-c', script]), 'exit');
  return signal === null ? { kind: 'exited', code } : { kind: 'killed', signal };
}

function startError(pattern: RegExp) {
  return (error: unknown) => error instanceof StartError && pattern.test(error.message);
}

function noGroups(): string | false {
  return findParentGroup('flotilla-test') === null && 'no control group may be made here';
}

function shimOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

async function gone(pid: number): Promise<void> {
  while (readProcess(pid) !== null) await new Promise((resolve) => setImmediate(resolve));
}

/** An agent that starts two units and says their pids. */
function agentScript(directory: string): string {
  const here = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  return `
    import { createProcessRuntime } from ${here('./process.ts')};
    import { commandOf, serviceOf } from ${here('./runtime.contract.ts')};
    import { systemClock } from ${here('../../../shared/clock/systemClock.ts')};
    const runtime = createProcessRuntime({ directory: ${JSON.stringify(directory)}, machine: 'killed', clock: systemClock });
    const command = commandOf('sleep', '1000');
    const start = (unit) => runtime.start({ unit, hash: 'h', token: 1, command, service: serviceOf(command), environment: {} });
    const [running, ending] = [await start('running.service'), await start('ending.service')];
    console.log(running.pid, ending.pid);
  `;
}
