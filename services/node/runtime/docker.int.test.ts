import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { systemClock } from '../../../shared/clock/systemClock.ts';
import { parseDockerCommand } from '../../../shared/domain/dockerCommand.ts';
import type { ExecCommand, ServiceSpec } from '../../../shared/domain/unitSpec.ts';
import { dockerSkip, ensureImage, startPrivateEngine } from '../../../test/support/docker.ts';
import { until } from '../../../test/support/until.ts';
import { createDockerRuntime, type DockerRuntime } from './docker.ts';
import { commandOf, describeRuntimeContract, serviceOf } from './runtime.contract.ts';
import { type Runtime, StartError, type StartRequest } from './runtime.ts';

const skip = await dockerSkip();
if (!skip) await Promise.all([ensureImage('busybox'), ensureImage('redis')]);

const timeoutMs = 60_000;
const image = 'flotilla/busybox';
const untilToldReady = 'trap "" TERM; echo ready; while :; do sleep 1; done';
const newMachine = () => randomBytes(16).toString('hex');
const docker = (...args: string[]) => commandOf('/usr/bin/docker', ...args);
const busybox = (...args: string[]) => docker('run', '--rm', '-e', 'GREETING', image, ...args);
const run = promisify(execFile);

describeRuntimeContract(
  'a Docker engine, told by docker command lines,',
  async () => {
    const machine = newMachine();
    return {
      makeRuntime: async () => createDockerRuntime({ machine, clock: systemClock }),
      drop: async (runtime) => (runtime as DockerRuntime).close(),
      cleanUp: async () => undefined,
      commandThat: {
        runsForever: () => busybox('sleep', '1000'),
        exitsWith: (code) => busybox('sh', '-c', `exit ${code}`),
        prints: (...lines) => busybox('printf', '%s\\n', ...lines),
        ignoresTerm: () => busybox('sh', '-c', untilToldReady),
        printsVariable: (name) => busybox('sh', '-c', `echo "$${name}"`),
        cannotStart: () => docker('run', 'flotilla.invalid/no-such-image', 'x'),
      },
    };
  },
  { skip, timeoutMs },
);

describeRuntimeContract(
  'a Docker engine, told an image,',
  async () => {
    const machine = newMachine();
    return {
      makeRuntime: async () => inImage(createDockerRuntime({ machine, clock: systemClock })),
      drop: async (runtime) => (runtime as DockerRuntime).close(),
      cleanUp: async () => undefined,
      commandThat: {
        runsForever: () => commandOf('/bin/sleep', '1000'),
        exitsWith: (code) => commandOf('/bin/sh', '-c', `exit ${code}`),
        prints: (...lines) => commandOf('/bin/printf', '%s\\n', ...lines),
        ignoresTerm: () => commandOf('/bin/sh', '-c', untilToldReady),
        printsVariable: (name) => commandOf('/bin/sh', '-c', `echo "$${name}"`),
        cannotStart: () => commandOf('/no/such/program'),
      },
    };
  },
  { skip, timeoutMs },
);

/** The runtime of a unit whose file says `[X-Flotilla] Image=`. */
function inImage(runtime: DockerRuntime): DockerRuntime {
  const withImage = (service: ServiceSpec) => ({ ...service, image });
  return {
    ...runtime,
    start: (request) => runtime.start({ ...request, service: withImage(request.service) }),
    run: (request, abort) => runtime.run({ ...request, service: withImage(request.service) }, abort),
  };
}

const never = new AbortController().signal;

function requestOf(command: ExecCommand, changes: Partial<StartRequest> = {}): StartRequest {
  const service = serviceOf(command);
  return { unit: 'web@1.service', hash: 'h1', token: 1, command, service, environment: {}, ...changes };
}

async function journalOf(runtime: Runtime, unit = 'web@1.service'): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of runtime.journal(unit, { lines: 100, follow: false, signal: never })) lines.push(line);
  return lines;
}

describe('the docker runtime', { skip, timeout: 10 * timeoutMs }, () => {
  let runtime: DockerRuntime;
  let name: string;
  const opened: DockerRuntime[] = [];
  const open = (machine = newMachine()) => {
    const made = createDockerRuntime({ machine, clock: systemClock });
    opened.push(made);
    return made;
  };

  beforeEach(() => {
    runtime = open();
    name = `flotilla-test-${randomBytes(6).toString('hex')}`;
  });

  afterEach(async () => {
    for (const each of opened.splice(0)) {
      for (const unit of await each.list()) await each.remove(unit);
      each.close();
    }
  });

  it("runs the seed's unit: a Redis that answers PING", { timeout: timeoutMs }, async () => {
    const main = await runtime.start(requestOf(docker('--name', name, 'run', 'dockerfile/redis')));
    const ping = () => runtime.run(requestOf(docker('exec', name, 'redis-cli', 'PING')), never);
    // Redis needs a moment to listen; its journal says when.
    const abort = new AbortController();
    for await (const line of runtime.journal('web@1.service', { lines: 100, follow: true, signal: abort.signal })) {
      if (line.includes('Ready to accept connections')) abort.abort();
    }
    assert.deepEqual(await ping(), { kind: 'exited', code: 0 });
    assert.equal((await journalOf(runtime)).at(-1), 'PONG');
    await main.signal('SIGTERM', 'main');
    assert.deepEqual(await main.exited, { kind: 'exited', code: 0 });
  });

  it('leaves a container alone that it did not start, and says that its name is taken', async () => {
    const { stdout: id } = await run('docker', ['create', '--name', name, image, 'true']);
    try {
      const start = runtime.start(requestOf(docker('run', '--name', name, image, 'true')));
      const isNamed = (error: unknown) => error instanceof StartError && error.message.includes(name);
      await assert.rejects(start, isNamed);
      const { stdout } = await run('docker', ['inspect', '-f', '{{.Id}}', name]);
      assert.equal(stdout, id);
    } finally {
      await run('docker', ['rm', '-f', name]);
    }
  });

  it('replaces what an older placement started on another machine, and yields to a newer one', async () => {
    const other = open();
    const forever = docker('run', '--name', name, image, 'sleep', '1000');
    const old = await other.start(requestOf(forever, { token: 5 }));
    const current = await runtime.start(requestOf(forever, { token: 6 }));
    assert.deepEqual((await old.exited).kind, 'exited', 'a signal from elsewhere is only an exit code');
    await assert.rejects(other.start(requestOf(forever, { token: 5 })), StartError);
    assert.deepEqual(await Promise.race([current.exited, runtime.list()]), ['web@1.service']);
  });

  it('takes the name of a disposable container that has ended', async () => {
    const line = docker('run', '--rm', '--name', name, image, 'true');
    await (await runtime.start(requestOf(line))).exited;
    const other = await open().start(requestOf(line, { unit: 'other.service' }));
    assert.deepEqual(await other.exited, { kind: 'exited', code: 0 });
  });

  it('follows the container, not the client, of a detached command', async () => {
    const main = await runtime.start(requestOf(docker('run', '-d', image, 'sh', '-c', 'exit 4')));
    assert.deepEqual(await main.exited, { kind: 'exited', code: 4 });
  });

  it('takes an exit code above 128 for a death only when it sent the signal', async () => {
    const own = await runtime.start(requestOf(docker('run', image, 'sh', '-c', 'exit 143')));
    assert.deepEqual(await own.exited, { kind: 'exited', code: 143 });
    const main = await runtime.start(requestOf(docker('run', '--init', image, 'sleep', '1000')));
    await main.signal('SIGTERM', 'main');
    assert.deepEqual(await main.exited, { kind: 'killed', signal: 'SIGTERM' });
  });

  it('stops its main container with docker stop', async () => {
    const main = await runtime.start(requestOf(docker('run', '--init', '--name', name, image, 'sleep', '1000')));
    assert.deepEqual(await runtime.run(requestOf(docker('stop', '-t', '5', name)), never), { kind: 'exited', code: 0 });
    assert.deepEqual(await main.exited, { kind: 'killed', signal: 'SIGTERM' });
    assert.deepEqual(await runtime.run(requestOf(docker('rm', name)), never), { kind: 'exited', code: 0 });
    assert.deepEqual(await runtime.list(), []);
  });

  it('reports what an engine refuses as docker does: code 1, and a message in the journal', async () => {
    for (const verb of [['kill'], ['rm', '-f'], ['stop'], ['start'], ['restart'], ['exec']]) {
      const words = verb[0] === 'exec' ? [...verb, name, 'true'] : [...verb, name];
      assert.deepEqual(await runtime.run(requestOf(docker(...words)), never), { kind: 'exited', code: 1 }, verb[0]);
      assert.match((await journalOf(runtime)).at(-1) ?? '', new RegExp(name));
    }
  });

  it("does not touch another machine's containers", async () => {
    const main = await runtime.start(requestOf(docker('run', '--name', name, image, 'sleep', '1000')));
    const other = open();
    assert.deepEqual(await other.run(requestOf(docker('rm', '-f', name)), never), { kind: 'exited', code: 1 });
    await other.remove('web@1.service');
    assert.deepEqual(await Promise.race([main.exited, other.list()]), []);
  });

  it('tells what a health check says, also of a container that it takes up', async () => {
    const check = [
      '--health-cmd',
      'test -e /tmp/well || { echo no luck; false; }',
      '--health-interval',
      '100ms',
      '--health-retries',
      '1',
    ];
    const main = await runtime.start(
      requestOf(docker('run', '--name', name, ...check, '--health-start-period=60s', image, 'sleep', '1000')),
    );
    assert.equal(main.health, 'starting');
    const told: string[] = [];
    const stop = main.watchHealth?.((health, complaint) => told.push(`${health} ${complaint}`));
    await runtime.run(requestOf(docker('exec', name, 'touch', '/tmp/well')), never);
    await until('it is told to be healthy', async () => told.includes('healthy undefined'));
    await runtime.run(requestOf(docker('exec', name, 'rm', '/tmp/well')), never);
    await until('it is told to be unhealthy', async () => told.includes('unhealthy no luck'));
    stop?.();
    assert.deepEqual(told, ['healthy undefined', 'unhealthy no luck']);
    const adopted = await runtime.adopt({ unit: 'web@1.service', hash: 'h1' });
    assert.equal(adopted?.health, 'unhealthy');
    const unchecked = requestOf(docker('run', image, 'true'), { unit: 'other.service' });
    assert.equal((await runtime.start(unchecked)).watchHealth, undefined);
  });

  it('ends docker exec with the code of its command, and its output is in the journal', async () => {
    await runtime.start(requestOf(docker('run', '--name', name, image, 'sleep', '1000')));
    const exec = docker('exec', '-e', 'WORD', name, 'sh', '-c', 'echo $WORD; exit 7');
    const exit = await runtime.run(requestOf(exec, { environment: { WORD: 'hello' } }), never);
    assert.deepEqual(exit, { kind: 'exited', code: 7 });
    assert.deepEqual(await journalOf(runtime), ['hello']);
  });

  it('goes on with the journal of the next container', async () => {
    const abort = new AbortController();
    const seen: string[] = [];
    await runtime.start(requestOf(docker('run', image, 'echo', 'one')));
    for await (const line of runtime.journal('web@1.service', { lines: 9, follow: true, signal: abort.signal })) {
      seen.push(line);
      if (line === 'one') await runtime.start(requestOf(docker('run', '-t', image, 'echo', 'two')));
      if (line === 'two') abort.abort();
    }
    assert.deepEqual(seen, ['one', 'two']);
  });

  it('says which image could not be had, and what the registry answered', async () => {
    const start = runtime.start(requestOf(docker('run', 'flotilla.invalid/none:1')));
    await assert.rejects(start, /image flotilla\.invalid\/none:1 could not be pulled: .*flotilla\.invalid/);
    const kept = runtime.start(requestOf(docker('run', '--pull', 'never', 'flotilla.invalid/none:1')));
    await assert.rejects(kept, /flotilla\.invalid\/none:1 is not on this machine/);
  });

  it('gives the container what its options ask for', async () => {
    const line = docker(
      'run',
      '-m',
      '32m',
      '--cpus=0.5',
      '-v',
      '/tmp:/host:ro',
      '--name',
      name,
      image,
      'sleep',
      '1000',
    );
    const main = await runtime.start(requestOf(line));
    const { stdout } = await run('docker', ['inspect', '-f', '{{json .HostConfig}}', main.container ?? '']);
    const { Memory, NanoCpus, Binds, AutoRemove } = JSON.parse(stdout);
    const wanted = { Memory: 32 * 1024 ** 2, NanoCpus: 5e8, Binds: ['/tmp:/host:ro'], AutoRemove: false };
    assert.deepEqual({ Memory, NanoCpus, Binds, AutoRemove }, wanted);
    assert.deepEqual(parseDockerCommand(line.argv).problems, []);
  });

  it('says who does not answer, while the engine is away', async () => {
    const nowhere = createDockerRuntime({
      machine: 'm',
      clock: systemClock,
      docker: { socketPath: '/no/such/socket' },
    });
    assert.match((await nowhere.unavailable()) ?? '', /\/no\/such\/socket does not answer/);
    await assert.rejects(nowhere.start(requestOf(busybox('true'))), /\/no\/such\/socket does not answer/);
    const exit = await nowhere.run(requestOf(docker('kill', 'x')), never);
    assert.deepEqual(exit, { kind: 'exited', code: 1 });
    nowhere.close();
  });
});

const noRoot = process.getuid?.() === 0 ? false : 'only root can start an engine of its own';

describe('the docker runtime and an engine that dies', { skip: skip || noRoot, timeout: 2 * timeoutMs }, () => {
  it('waits for the engine to come back, and tells what it took along from what ended by itself', async () => {
    const engine = await startPrivateEngine(image);
    const runtime = createDockerRuntime({ machine: 'm1', clock: systemClock, docker: { socketPath: engine.socket } });
    try {
      const forever = requestOf(docker('run', '--init', '--network', 'none', image, 'sleep', '1000'));
      const main = await runtime.start(forever);
      await engine.kill();
      assert.notEqual(await runtime.unavailable(), null);
      const early = await Promise.race([main.exited, runtime.unavailable()]);
      assert.equal(typeof early, 'string', 'an engine that does not answer is no end');
      await engine.start();
      assert.equal((await main.exited).kind, 'lost');
      const again = await runtime.start({
        ...forever,
        command: docker('run', '--network', 'none', image, 'sh', '-c', 'exit 3'),
      });
      assert.deepEqual(await again.exited, { kind: 'exited', code: 3 });
    } finally {
      runtime.close();
      await engine.dispose();
    }
  });
});
