/** What every {@link Runtime} does, whatever it runs units with. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { ExecCommand, ServiceSpec } from '../../../shared/domain/unitSpec.ts';
import { type Runtime, StartError, type StartRequest } from './runtime.ts';

/** Made anew for each test. */
export interface RuntimeFixture {
  /** A runtime as a fresh agent of the same machine makes it: it sees what the earlier ones started. */
  makeRuntime(): Promise<Runtime>;
  /** The agent that has this runtime dies; its units do not. */
  drop(runtime: Runtime): Promise<void>;
  commandThat: {
    runsForever(): ExecCommand;
    exitsWith(code: number): ExecCommand;
    /** Prints each on a line of its own, and ends with 0. */
    prints(...lines: string[]): ExecCommand;
    /** Runs on when it is sent SIGTERM, and prints `ready` when that is so. */
    ignoresTerm(): ExecCommand;
    /** Prints the value of that variable, and ends with 0. */
    printsVariable(name: string): ExecCommand;
    /** Its program, or its image, does not exist. */
    cannotStart(): ExecCommand;
  };
  /** Frees what the fixture holds; the units are removed before. */
  cleanUp(): Promise<void>;
}

export interface RuntimeContractOptions {
  /** Why none of it can be tested here; false when it can. */
  skip?: string | false;
  /** Of one test. */
  timeoutMs?: number;
}

const unit = 'contract@1.service';
const never = new AbortController().signal;

export function describeRuntimeContract(
  name: string,
  makeFixture: () => Promise<RuntimeFixture>,
  { skip = false, timeoutMs = 20_000 }: RuntimeContractOptions = {},
): void {
  describe(`${name} as a runtime`, { skip, timeout: 30 * timeoutMs }, () => {
    let fixture: RuntimeFixture;
    let runtime: Runtime;
    beforeEach(async () => {
      fixture = await makeFixture();
      runtime = await fixture.makeRuntime();
    });
    afterEach(async () => {
      for (const left of await runtime.list()) await runtime.remove(left);
      await fixture.drop(runtime);
      await fixture.cleanUp();
    });
    const test = (title: string, body: () => Promise<void>) => it(title, { timeout: timeoutMs }, body);
    /** The agent dies and comes back. */
    const restartAgent = async () => {
      await fixture.drop(runtime);
      runtime = await fixture.makeRuntime();
    };

    test('is available', async () => {
      assert.equal(await runtime.unavailable(), null);
    });

    test('tells how a main process ended', async () => {
      for (const code of [0, 3, 200]) {
        const main = await runtime.start(startOf(fixture.commandThat.exitsWith(code)));
        assert.deepEqual(await main.exited, { kind: 'exited', code });
      }
    });

    test('says what carries a main process, and which placement it obeys', async () => {
      const main = await runtime.start(startOf(fixture.commandThat.runsForever(), { token: 41 }));
      assert.equal(main.token, 41);
      assert.ok(main.pid !== undefined || main.container !== undefined, 'neither pid nor container');
    });

    for (const to of ['main', 'all'] as const) {
      test(`ends a process with a signal to ${to}`, async () => {
        const main = await runtime.start(startOf(fixture.commandThat.runsForever()));
        await main.signal('SIGKILL', to);
        assert.deepEqual(await main.exited, { kind: 'killed', signal: 'SIGKILL' });
      });
    }

    test('lets a process ignore SIGTERM, and not SIGKILL', async () => {
      const main = await runtime.start(startOf(fixture.commandThat.ignoresTerm()));
      await printed(runtime, 'ready');
      await main.signal('SIGTERM', 'main');
      await main.signal('SIGTERM', 'all');
      const early = await Promise.race([main.exited, runtime.list()]);
      assert.deepEqual(early, [unit], 'SIGTERM ended it');
      await main.signal('SIGKILL', 'all');
      assert.deepEqual(await main.exited, { kind: 'killed', signal: 'SIGKILL' });
    });

    test('does nothing when a process that has ended is signalled', async () => {
      const main = await runtime.start(startOf(fixture.commandThat.exitsWith(0)));
      await main.exited;
      await main.signal('SIGTERM', 'main');
      await main.signal('SIGKILL', 'all');
      assert.deepEqual(await main.exited, { kind: 'exited', code: 0 });
    });

    test('refuses to start what is not there, and says why', async () => {
      const command = fixture.commandThat.cannotStart();
      const isExplained = (error: unknown) => error instanceof StartError && error.message.length > 10;
      await assert.rejects(runtime.start(startOf(command)), isExplained);
      await assert.rejects(runtime.run(startOf(command), never), isExplained);
      assert.equal(await runtime.adopt({ unit, hash: 'h1' }), null, 'what was not started cannot be adopted');
    });

    test('gives a command its environment', async () => {
      const request = startOf(fixture.commandThat.printsVariable('GREETING'));
      const main = await runtime.start({
        ...request,
        environment: { ...request.environment, GREETING: "it's  $HOME *" },
      });
      await main.exited;
      assert.deepEqual(await linesOf(runtime, 10), ["it's  $HOME *"]);
    });

    test('keeps the last lines of the output, over several activations', async () => {
      for (const round of ['one', 'two']) {
        const main = await runtime.start(startOf(fixture.commandThat.prints(`${round} a`, `${round} b`)));
        await main.exited;
      }
      assert.deepEqual(await linesOf(runtime, 1), ['two b']);
      assert.deepEqual((await linesOf(runtime, 100)).slice(-2), ['two a', 'two b']);
      assert.deepEqual(await linesOf(runtime, 0), []);
    });

    test('follows the output until told to stop', async () => {
      const abort = new AbortController();
      const main = await runtime.start(startOf(fixture.commandThat.ignoresTerm()));
      const seen: string[] = [];
      for await (const line of runtime.journal(unit, { lines: 10, follow: true, signal: abort.signal })) {
        seen.push(line);
        abort.abort();
      }
      assert.deepEqual(seen, ['ready']);
      await main.signal('SIGKILL', 'all');
    });

    test('adopts what runs, after the agent that started it is gone', async () => {
      const started = await runtime.start(startOf(fixture.commandThat.runsForever(), { token: 7, invocation: 'id' }));
      await restartAgent();
      const main = await runtime.adopt({ unit, hash: 'h1' });
      assert.ok(main);
      assert.deepEqual([main.pid, main.container, main.token], [started.pid, started.container, 7]);
      assert.deepEqual([started.invocation, main.invocation], ['id', 'id']);
      await main.signal('SIGKILL', 'main');
      assert.deepEqual(await main.exited, { kind: 'killed', signal: 'SIGKILL' });
    });

    test('still tells how it ended when nobody was looking', async () => {
      const started = await runtime.start(startOf(fixture.commandThat.exitsWith(9)));
      await started.exited;
      await restartAgent();
      const main = await runtime.adopt({ unit, hash: 'h1' });
      assert.deepEqual(await main?.exited, { kind: 'exited', code: 9 });
    });

    test('does not adopt another unit, or what another unit file started', async () => {
      await runtime.start(startOf(fixture.commandThat.runsForever()));
      await restartAgent();
      assert.equal(await runtime.adopt({ unit, hash: 'h2' }), null);
      assert.equal(await runtime.adopt({ unit: 'contract@2.service', hash: 'h1' }), null);
    });

    test('lists the units of which there is a trace', async () => {
      assert.deepEqual(await runtime.list(), []);
      for (const name of ['b.service', 'a@x.service']) {
        await runtime.start({ ...startOf(fixture.commandThat.runsForever()), unit: name });
      }
      await restartAgent();
      assert.deepEqual((await runtime.list()).sort(), ['a@x.service', 'b.service']);
    });

    test('ends an earlier activation before it starts the next', async () => {
      const first = await runtime.start(startOf(fixture.commandThat.runsForever(), { token: 1 }));
      const second = await runtime.start(startOf(fixture.commandThat.runsForever(), { token: 2, hash: 'h2' }));
      assert.equal((await first.exited).kind, 'killed');
      await first.signal('SIGKILL', 'all');
      await restartAgent();
      const adopted = await runtime.adopt({ unit, hash: 'h2' });
      assert.deepEqual([adopted?.pid, adopted?.container, adopted?.token], [second.pid, second.container, 2]);
      const early = await Promise.race([adopted?.exited, runtime.list()]);
      assert.deepEqual(early, [unit], 'a signal to the first reached the second');
    });

    test('leaves no trace of what is removed', async () => {
      const main = await runtime.start(startOf(fixture.commandThat.ignoresTerm()));
      await printed(runtime, 'ready');
      await runtime.remove(unit);
      assert.equal((await main.exited).kind, 'killed');
      assert.deepEqual(await runtime.list(), []);
      assert.equal(await runtime.adopt({ unit, hash: 'h1' }), null);
      assert.deepEqual(await linesOf(runtime, 10), []);
      await runtime.remove(unit);
    });

    test('tells what a unit uses while it runs, where it can tell', async () => {
      const main = await runtime.start(startOf(fixture.commandThat.ignoresTerm()));
      await printed(runtime, 'ready');
      const usage = await runtime.usage?.(unit);
      if (usage) {
        assert.ok((usage.memoryBytes ?? 0) > 0 && (usage.tasks ?? 0) > 0 && (usage.cpuMs ?? -1) >= 0);
        assert.ok(usage.processes.length > 0 && usage.processes.every(({ pid, command }) => pid > 0 && command !== ''));
      } else assert.equal(runtime.kind, 'fake');
      await main.signal('SIGKILL', 'all');
      await main.exited;
      assert.equal((await runtime.usage?.(unit)) ?? null, null);
    });

    test('runs a control command to its end, with its output in the journal', async () => {
      const { prints, exitsWith } = fixture.commandThat;
      let pid: number | undefined;
      const onProcess = (of: number) => (pid = of);
      const printing = { ...startOf(prints('preparing')), onProcess };
      assert.deepEqual(await runtime.run(printing, never), { kind: 'exited', code: 0 });
      assert.equal(pid !== undefined, runtime.kind !== 'docker');
      assert.deepEqual(await runtime.run(startOf(exitsWith(5)), never), { kind: 'exited', code: 5 });
      assert.deepEqual(await linesOf(runtime, 10), ['preparing']);
      assert.equal(await runtime.adopt({ unit, hash: 'h1' }), null, 'a control command is not a main process');
    });

    test('kills a control command when it is aborted, and the main process goes on', async () => {
      const main = await runtime.start(startOf(fixture.commandThat.runsForever()));
      const abort = new AbortController();
      const exit = runtime.run(startOf(fixture.commandThat.ignoresTerm()), abort.signal);
      await printed(runtime, 'ready');
      abort.abort();
      assert.deepEqual(await exit, { kind: 'killed', signal: 'SIGKILL' });
      const early = await Promise.race([main.exited, runtime.list()]);
      assert.deepEqual(early, [unit], 'the main process was killed too');
    });
  });
}

/** A service with systemd's defaults (and short names for what a test changes). */
export function serviceOf(execStart: ExecCommand, changes: Partial<ServiceSpec> = {}): ServiceSpec {
  const none = { codes: [], signals: [] };
  return {
    type: 'simple',
    execCondition: [],
    execStartPre: [],
    execStart: [execStart],
    execStartPost: [],
    execReload: [],
    execStop: [],
    execStopPost: [],
    restart: 'no',
    restartSecMs: 100,
    timeoutStartMs: 90_000,
    timeoutStopMs: 90_000,
    runtimeMaxMs: null,
    notifyAccess: 'none',
    watchdogMs: null,
    watchdogSignal: 'SIGABRT',
    directories: {},
    runtimePreserve: 'no',
    remainAfterExit: false,
    killMode: 'control-group',
    oomPolicy: 'stop',
    killSignal: 'SIGTERM',
    finalKillSignal: 'SIGKILL',
    sendSigkill: true,
    successExitStatus: none,
    restartPreventExitStatus: none,
    restartForceExitStatus: none,
    startLimit: { intervalMs: 10_000, burst: 5 },
    environment: {},
    environmentFiles: [],
    passEnvironment: [],
    unsetEnvironment: [],
    supplementaryGroups: [],
    limits: { limits: {} },
    control: {},
    ...changes,
  };
}

/** A command of an Exec line without prefixes. */
export function commandOf(path: string, ...args: string[]): ExecCommand {
  const argv = [path, ...args];
  return { line: argv.join(' '), path, argv, ignoreFailure: false, literalVariables: true, privileged: false };
}

function startOf(command: ExecCommand, changes: Partial<StartRequest> = {}): StartRequest {
  const environment = { PATH: '/usr/local/bin:/usr/bin:/bin' };
  return { unit, hash: 'h1', token: 1, command, service: serviceOf(command), environment, ...changes };
}

async function linesOf(runtime: Runtime, lines: number): Promise<string[]> {
  const seen: string[] = [];
  for await (const line of runtime.journal(unit, { lines, follow: false, signal: never })) seen.push(line);
  return seen;
}

/** Resolves when the unit has printed that line. */
async function printed(runtime: Runtime, wanted: string): Promise<void> {
  const abort = new AbortController();
  for await (const line of runtime.journal(unit, { lines: 100, follow: true, signal: abort.signal })) {
    if (line === wanted) abort.abort();
  }
}
