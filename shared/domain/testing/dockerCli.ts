/**
 * Docker's own command line as a judge: an engine that knows nothing but notes what it is asked for, and the command that
 * asks it.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** One request that changes something, or asks for something by name. */
export interface RecordedRequest {
  method: string;
  /** Without the version of the API. */
  path: string;
  query: Record<string, string>;
  body: unknown;
  /** `X-Registry-Auth`, decoded. */
  auth?: unknown;
}

export interface Recorder {
  socket: string;
  /** Its own, with nothing in it but the socket. */
  directory: string;
  /** What came since the last call. */
  take(): RecordedRequest[];
  close(): Promise<void>;
}

/** What an engine that has everything and refuses nothing answers. */
export async function startRecorder(): Promise<Recorder> {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-recorder-'));
  let requests: RecordedRequest[] = [];
  const server = createServer(async (request, response) => {
    const recorded = await record(request);
    if (recorded) requests.push(recorded);
    answer(recorded?.path ?? '/_ping', request.method ?? '', response);
  });
  const socket = join(directory, 'engine.sock');
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    socket,
    directory,
    take() {
      const taken = requests;
      requests = [];
      return taken;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(directory, { recursive: true });
    },
  };
}

async function record(request: IncomingMessage): Promise<RecordedRequest | null> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const url = new URL(request.url ?? '/', 'http://engine');
  const path = url.pathname.replace(/^\/v[\d.]+/, '');
  if (path === '/_ping') return null;
  const text = Buffer.concat(chunks).toString();
  const auth = request.headers['x-registry-auth'];
  return {
    method: request.method ?? '',
    path,
    query: Object.fromEntries(url.searchParams),
    body: text === '' ? undefined : JSON.parse(text),
    ...(typeof auth === 'string' ? { auth: JSON.parse(Buffer.from(auth, 'base64url').toString() || 'null') } : {}),
  };
}

const container = {
  Id: 'recorded',
  Name: '/recorded',
  State: { Running: true, ExitCode: 0 },
  Config: { Labels: {} },
  NetworkSettings: {},
};

function answer(path: string, method: string, response: ServerResponse): void {
  response.setHeader('Api-Version', '1.50');
  response.setHeader('Ostype', 'linux');
  response.setHeader('Content-Type', 'application/json');
  const send = (status: number, body: unknown) => response.writeHead(status).end(JSON.stringify(body));
  if (path === '/_ping') return void response.end('OK');
  if (path === '/containers/create') return void send(201, { Id: 'recorded', Warnings: [] });
  if (path.endsWith('/wait')) return void send(200, { StatusCode: 0 });
  if (path === '/networks/create') return void send(201, { Id: 'recorded', Warning: '' });
  if (path === '/volumes/create') return void send(201, { Name: 'recorded' });
  if (path.startsWith('/images/') && method === 'DELETE') return void send(200, [{ Untagged: 'recorded' }]);
  if (path.startsWith('/exec/') && path.endsWith('/json')) return void send(200, { ExitCode: 0, Running: false });
  if (path.endsWith('/exec')) return void send(201, { Id: 'recorded' });
  if (path === '/info') return void send(200, { InitBinary: 'docker-init' });
  const [, kind, name] = path.split('/');
  if (method === 'GET') return void send(200, kind === 'containers' ? { ...container, Id: name } : { Id: 'recorded' });
  if (path === '/images/create') return void response.end('');
  response.writeHead(method === 'DELETE' || path.includes('/containers/') ? 204 : 200).end();
}

export interface Verdict {
  /** What it asked for, in order. */
  requests: RecordedRequest[];
  /** Null, or what it said when it refused. */
  refusal: string | null;
}

export interface DockerCli {
  version: string;
  /** Runs `docker WORDS…` against the recorder. */
  ask(words: readonly string[], options?: { env?: Record<string, string>; cwd?: string }): Promise<Verdict>;
  /** What `docker COMMAND --help` prints. */
  help(...command: string[]): Promise<string>;
}

/** The docker command of this machine; null: there is none. `program`: which one. */
export async function findDockerCli(
  recorder: Recorder,
  program = process.env.FLOTILLA_DOCKER_CLI ?? 'docker',
): Promise<DockerCli | null> {
  const host = ['-H', `unix://${recorder.socket}`];
  // Nobody's own configuration: credentials, plugins, a default context.
  const environment = { PATH: process.env.PATH ?? '', HOME: recorder.directory, DOCKER_CONFIG: recorder.directory };
  const run = (words: readonly string[], env = {}, cwd?: string) =>
    execute(program, [...host, ...words], { timeout: 30_000, env: { ...environment, ...env }, cwd });
  try {
    const { stdout } = await execute(program, ['--version']);
    return {
      version: stdout.trim(),
      async ask(words, { env, cwd } = {}) {
        recorder.take();
        try {
          await run(words, env, cwd);
          return { requests: recorder.take(), refusal: null };
        } catch (error) {
          const { stderr, message, killed } = error as { stderr?: string; message: string; killed?: boolean };
          if (killed) throw error;
          return { requests: recorder.take(), refusal: stderr?.trim() || message };
        }
      },
      help: async (...command) => (await run([...command, '--help'])).stdout,
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** The long names of the options that a help text lists, each with the kind of its value; a flag has none. */
export function optionsInHelp(help: string): Map<string, string | undefined> {
  const lines = help.matchAll(/^ {2}(?:-(?<short>\w), | {4})--(?<name>[\w-]+)(?: (?<kind>[\w-]+))? {2,}/gm);
  return new Map(Array.from(lines, ({ groups }) => [groups?.name ?? '', groups?.kind]));
}
