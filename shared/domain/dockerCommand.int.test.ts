/** The judge is docker's own command line: what it sends to an engine is what the translator has to make. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { parseDockerCommand } from './dockerCommand.ts';

const run = promisify(execFile);

/** An engine that knows nothing but notes what it was asked to create. */
interface Recorder {
  socket: string;
  server: Server;
  directory: string;
  bodies: Map<string, unknown>;
}

async function startRecorder(): Promise<Recorder> {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-recorder-'));
  const bodies = new Map<string, unknown>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://engine');
      response.setHeader('Api-Version', '1.50');
      response.setHeader('Ostype', 'linux');
      response.setHeader('Content-Type', 'application/json');
      if (url.pathname.endsWith('/_ping')) return response.end('OK');
      if (!url.pathname.endsWith('/containers/create')) return response.end('{}');
      bodies.set(url.searchParams.get('name') ?? '', JSON.parse(Buffer.concat(chunks).toString()));
      return response.writeHead(201).end('{"Id":"recorded","Warnings":[]}');
    });
  });
  const socket = join(directory, 'engine.sock');
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return { socket, server, directory, bodies };
}

/** Maps whose keys and values are all data, and lists whose order the engine does not look at. */
const verbatim = new Set([
  'Labels',
  'Config',
  'Tmpfs',
  'Sysctls',
  'StorageOpt',
  'Annotations',
  'PortBindings',
  'Options',
]);
/** The command line keeps these in maps of Go, whose order is left to chance. */
const unordered = new Set(['Binds', 'Env']);
/** Fields that the command line only sends when it was told to: false and 0 count there. */
const telling = new Set(['Init', 'StopTimeout']);
/** Who is attached is the client's own matter; a unit's container has no client. */
const attaching = new Set(['AttachStdin', 'AttachStdout', 'AttachStderr']);

/**
 * A create body without what says nothing: the command line sends every field of its structures, with zero values for
 * what was not asked for, and spells out the engine's defaults for network, restart policy and swappiness. The MAC
 * address stands at the top only for engines that are older than the one the command line is made to believe in here.
 */
function normalise(value: unknown, key = ''): unknown {
  if (isDefault(key, value)) return undefined;
  if (Array.isArray(value)) {
    const items = unordered.has(key) ? [...value].sort() : value;
    return items.length === 0 ? undefined : items.map((item) => (typeof item === 'object' ? normalise(item) : item));
  }
  if (typeof value !== 'object' || value === null)
    return value === 0 || value === '' ? undefined : (value ?? undefined);
  if (key === 'ExposedPorts' || key === 'Volumes') return normalise(Object.keys(value).sort());
  const entries = Object.entries(value)
    .filter(([name]) => !attaching.has(name) && !(key === '' && name === 'MacAddress'))
    .map(([name, inner]) => [name, verbatim.has(key) || telling.has(name) ? inner : normalise(inner, name)] as const)
    .filter(([, inner]) => inner !== undefined && inner !== null);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function isDefault(key: string, value: unknown): boolean {
  if (value === false) return true;
  if (key === 'ConsoleSize') return true;
  if (key === 'NetworkMode') return value === 'default';
  if (key === 'MemorySwappiness') return value === -1;
  return key === 'RestartPolicy' && (value as { Name: string }).Name === 'no';
}

/** One or more words each, which may be combined with each other; no two of them fill the same single-valued field. */
const snippets: string[][] = [
  ['-it'],
  ['--rm'],
  ['--privileged'],
  ['--read-only=true'],
  ['--init=false'],
  ['-P'],
  ['--oom-kill-disable'],
  ['-h', 'web1'],
  ['--domainname=example.org'],
  ['-e', 'A=1'],
  ['-e=B=x=y'],
  ['--env', 'FLOTILLA_SURELY_UNSET'],
  ['-eC='],
  ['-p', '8080:80'],
  ['-p80'],
  ['--publish=127.0.0.1::53/udp'],
  ['-p', '[::1]:70:71/SCTP'],
  ['-p', '9000-9002:9100-9102'],
  ['-p', '8000-8010:81'],
  ['-p', 'published=85,target=86,protocol=udp'],
  ['--expose', '100-102/udp'],
  ['--expose=80/tcp'],
  ['-v', '/data:/data:ro,z'],
  ['-v', 'named:/named'],
  ['-v', '/data:/data:ro,z'],
  ['--volume=/anonymous'],
  ['--volumes-from', 'other:ro'],
  ['--mount', 'type=bind,src=/src,dst=/dst,readonly,bind-propagation=rslave'],
  ['--mount', 'type=volume,source=vol,target=/vol,ro=false,volume-nocopy,volume-driver=local,volume-opt=a=b'],
  ['--mount', 'dst=/anon,volume-label=x=y,volume-subpath=sub'],
  ['--mount', 'type=tmpfs,destination=/tmpfs,tmpfs-size=64m,tmpfs-mode=1770'],
  ['--mount', 'type=volume,src=v2,dst=/v2,"volume-opt=o=addr=1.2.3.4,rw"'],
  ['--tmpfs', '/run'],
  ['--tmpfs=/scratch:rw,size=64m'],
  ['-w', '/srv'],
  ['-u', '1000:1000'],
  ['--entrypoint', '/bin/sh'],
  ['--dns=1.1.1.1', '--dns', '2606:4700::1111'],
  ['--dns-opt', 'ndots:1', '--dns-option=timeout:2'],
  ['--dns-search', '.'],
  ['--add-host', 'a:1.2.3.4', '--add-host=b=::1', '--add-host', 'c:host-gateway', '--add-host', 'd:[::2]'],
  ['-m', '64m', '--memory-swap', '-1'],
  ['--memory-reservation=32MiB'],
  ['--memory-swappiness', '10'],
  ['--cpus', '1.25'],
  ['-c', '512'],
  ['--cpuset-cpus', '0-1', '--cpuset-mems=0'],
  ['--pids-limit', '-1'],
  ['--cap-add', 'net_admin', '--cap-add', 'CAP_SYS_TIME', '--cap-add=NET_ADMIN', '--cap-drop', 'all'],
  ['--device', '/dev/null', '--device=/dev/zero:/dev/z:r', '--device', '/dev/full:rw'],
  ['--device-cgroup-rule', 'c 1:3 rwm'],
  ['--security-opt', 'no-new-privileges', '--security-opt', 'label:disable'],
  ['--security-opt=systempaths=unconfined'],
  ['--security-opt', 'seccomp=unconfined'],
  ['--label', 'a=b=c', '-l', 'bare'],
  ['--log-driver', 'json-file', '--log-opt', 'max-size=1m', '--log-opt=max-file=2'],
  ['--ulimit', 'nofile=1024:2048', '--ulimit=nproc=64', '--ulimit', 'memlock=-1'],
  ['--sysctl', 'net.core.somaxconn=1024'],
  ['--shm-size', '1.5g'],
  ['--pid', 'host'],
  ['--ipc=shareable'],
  ['--uts', 'host'],
  ['--userns', 'host'],
  ['--cgroupns=private'],
  ['--cgroup-parent', '/flotilla'],
  ['--group-add', 'audio', '--group-add=44'],
  ['--stop-signal', 'SIGQUIT', '--stop-timeout=0'],
  ['--oom-score-adj', '-500'],
  ['--blkio-weight', '300', '--blkio-weight-device', '/dev/sda:200'],
  ['--device-read-bps', '/dev/sda:1mb', '--device-write-iops=/dev/sda:100'],
  ['--runtime', 'runc'],
  ['--pull=never'],
  ['--platform', 'linux/amd64'],
  ['--storage-opt', 'size=10G'],
  ['--annotation', 'a=b'],
  ['--gpus', 'all'],
  ['--restart', 'no'],
  ['--link', 'db:database', '--link=cache'],
  ['-a', 'STDOUT'],
];

/** Lines that exclude each other, each for itself. */
const alone: string[][] = [
  ['--health-cmd', 'curl -f http://localhost/', '--health-interval=1m30s', '--health-retries', '3'],
  ['--health-cmd=x', '--health-timeout', '500ms', '--health-start-period=1h', '--health-start-interval=2s'],
  ['--no-healthcheck'],
  ['--entrypoint='],
  ['--cpu-quota', '50000', '--cpu-period=100000'],
  ['--gpus', '"device=0,1",capabilities=utility'],
  ['--network', 'host'],
  ['--net=container:other'],
  ['--network', 'mine', '--ip', '10.0.0.5', '--network-alias', 'x', '--net-alias=y', '--link', 'db:d'],
  ['--network', 'name=mine,alias=z,driver-opt=a=b,ip6=2001:db8::1'],
  ['--network=one', '--network', 'two'],
  ['--network', 'mine', '--mac-address', '92:d0:c6:0a:29:33', '--link-local-ip', '169.254.1.1'],
  ['--mac-address=92:d0:c6:0a:29:33'],
  ['-itp90:90', '-uroot'],
  ['--'],
];

const refusedByBoth: string[][] = [
  ['--memory', '6x'],
  ['--cpus=many'],
  ['--no-such-option'],
  ['-Z'],
  ['--expose', '10-8'],
  ['-p', '80-82:80-81'],
  ['-p', '1.2.3.400:80:80'],
  ['--network-alias', 'x'],
  ['--dns', 'here'],
  ['--ulimit', 'foo=3'],
  ['--ulimit', 'nofile=20:10'],
  ['--sysctl', 'kernel.panic=1'],
  ['--mount', 'type=bind,src=/x'],
  ['--device', 'relative'],
  ['--no-healthcheck', '--health-cmd', 'x'],
  ['--rm=perhaps'],
  ['--network', 'host', '--network', 'mine'],
];

describe('the translation of docker run, judged by the docker command', () => {
  let recorder: Recorder;
  let missing: string | undefined;

  before(async () => {
    recorder = await startRecorder();
    try {
      await run('docker', ['--version']);
    } catch (error) {
      missing = `the docker command is not here: ${String(error)}`;
    }
  });

  after(async () => {
    await new Promise((resolve) => recorder.server.close(resolve));
    await rm(recorder.directory, { recursive: true });
  });

  const skipped = (t: TestContext): boolean => {
    if (missing === undefined) return false;
    assert.notEqual(process.env.FLOTILLA_REQUIRE_DOCKER, '1', missing);
    t.skip(missing);
    return true;
  };

  let serial = 0;
  const ask = async (options: string[], tail = ['image:1', '-x', '--name', 'y']): Promise<unknown> => {
    const name = `case${++serial}`;
    const words = ['-H', `unix://${recorder.socket}`, 'create', '--name', name, ...options, ...tail];
    await run('docker', words, { timeout: 20_000 });
    return recorder.bodies.get(name);
  };

  const agree = async (options: string[]): Promise<void> => {
    const argv = ['/usr/bin/docker', 'run', ...options, 'image:1', '-x', '--name', 'y'];
    const { command, problems } = parseDockerCommand(argv, { substituted: true });
    assert.deepEqual(problems, [], options.join(' '));
    assert.equal(command?.verb, 'run');
    if (command?.verb === 'run')
      assert.deepEqual(normalise(command.body), normalise(await ask(options)), options.join(' '));
  };

  it('every option means what docker means by it', async (t) => {
    if (skipped(t)) return;
    // A handful of options a run: each one is judged, and a command line costs 50 ms.
    const groups = Array.from({ length: 10 }, (_, group) => snippets.filter((_, index) => index % 10 === group).flat());
    for (const options of groups) await agree(options);
  });

  it('options that exclude others mean what docker means by them', async (t) => {
    if (skipped(t)) return;
    for (const options of alone) await agree(options);
  });

  it('options mean the same in any company and any order', async (t) => {
    if (skipped(t)) return;
    const lines = fc.shuffledSubarray(snippets, { minLength: 5, maxLength: 30 }).map((picked) => picked.flat());
    await fc.assert(fc.asyncProperty(lines, agree), { numRuns: 12 });
  });

  it('what docker refuses is refused', async (t) => {
    if (skipped(t)) return;
    for (const options of refusedByBoth) {
      await assert.rejects(ask(options), `docker takes ${options.join(' ')}`);
      const { command, problems } = parseDockerCommand(['docker', 'run', ...options, 'image:1'], { substituted: true });
      assert.equal(command, null, options.join(' '));
      assert.notDeepEqual(problems, []);
    }
  });
});
