// `FLEETCTL=/path/to/fleetctl node --import tsx test/contract/fleetctl/record.ts`, after `npm run build`: runs the real
// fleetctl (1.0) against a cluster of its own, and writes what went over the wire to sequences.json.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestCluster } from '../../support/cluster.ts';
import { comparable, type Exchange, fold, parseBody, type Sequence } from './sequence.ts';

const units: Record<string, string> = {
  'hello.service':
    '[Unit]\nDescription=Hello\n\n[Service]\nExecStart=/bin/sh -c "while true; do \\\n  sleep 1; done"\n',
  'changed.service': '[Service]\nExecStart=/bin/sleep 2000\n',
  'web@.service': '[Service]\nExecStart=/bin/sleep 1000\n',
  'everywhere.service': '[Service]\nExecStart=/bin/sleep 1000\n\n[X-Fleet]\nGlobal=true\n',
};

/** A step that is no command of fleetctl: a file gets a new body. */
const edit = 'edit hello.service';

const commands = [
  'list-machines',
  'list-machines --full',
  'submit hello.service',
  'submit hello.service',
  'cat hello.service',
  'load hello.service',
  'start hello.service',
  'list-units',
  'list-units --full --fields=unit,load,hash,machine',
  'list-unit-files',
  'restart hello.service',
  'stop hello.service',
  'start hello.service',
  edit,
  'start --replace hello.service',
  'cat hello.service',
  'unload hello.service',
  'destroy hello.service',
  'destroy hello.service',
  'submit web@.service',
  'start web@1.service',
  'start --no-block web@2.service',
  'stop --block-attempts=5 web@1.service',
  'destroy web@1.service web@2.service web@.service',
  'start everywhere.service',
  'stop everywhere.service',
  'destroy everywhere.service',
  'cat nothing.service',
];

const fleetctl = process.env.FLEETCTL;
if (!fleetctl) throw new Error('FLEETCTL names no program');
const cleanUps: (() => unknown)[] = [];
const dir = await mkdtemp(join(tmpdir(), 'fleetctl-'));
try {
  const { cluster } = await startTestCluster({ after: (fn) => void cleanUps.push(fn) }, { nodes: 1, api: true });
  for (const [name, text] of Object.entries(units)) await writeFile(join(dir, name), text);
  const proxy = await startProxy(cluster.file.apis[0]?.port ?? 0);
  cleanUps.push(() => proxy.close());
  const sequences: Sequence[] = [];
  for (const command of commands) {
    if (command === edit) await writeFile(join(dir, 'hello.service'), units['changed.service'] ?? '');
    else sequences.push(await record(command, proxy));
  }
  await writeFile(join(import.meta.dirname, 'sequences.json'), `${JSON.stringify(comparable(sequences), null, 1)}\n`);
} finally {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
  await rm(dir, { recursive: true, force: true });
}

async function record(command: string, proxy: Proxy): Promise<Sequence> {
  const argv = ['--endpoint', `http://127.0.0.1:${proxy.port}`, ...command.split(' ')];
  const { code, stdout } = await new Promise<{ code: number; stdout: string }>((resolve) => {
    execFile(fleetctl ?? '', argv, { cwd: dir, timeout: 60_000 }, (error, out) =>
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout: out }),
    );
  });
  const output = stdout
    .replaceAll(/\b[0-9a-f]{8}\.\.\.|\b[0-9a-f]{32}\b/g, 'MACHINE')
    .replaceAll(/\/[\d.]+/g, '/IP')
    .trimEnd()
    .split('\n');
  return { command, exitCode: code, output, requests: fold(proxy.take()) };
}

interface Proxy {
  port: number;
  /** What has passed since the last time. */
  take(): Exchange[];
  close(): void;
}

async function startProxy(target: number): Promise<Proxy> {
  let seen: Exchange[] = [];
  const server = createServer((incoming, outgoing) => {
    const { method = '', url = '', headers } = incoming;
    const sent: Buffer[] = [];
    const forward = request({ port: target, method, path: url, headers }, (answer) => {
      const received: Buffer[] = [];
      answer.on('data', (chunk) => received.push(chunk));
      answer.on('end', () => {
        const [body, text] = [parseBody(String(Buffer.concat(sent))), parseBody(String(Buffer.concat(received)))];
        const type = headers['content-type'];
        seen.push({
          method,
          url,
          ...(type === undefined ? {} : { contentType: type }),
          ...(body === undefined ? {} : { body }),
          status: answer.statusCode ?? 0,
          ...(text === undefined ? {} : { answer: text }),
        });
        outgoing.writeHead(answer.statusCode ?? 0, answer.headers).end(Buffer.concat(received));
      });
    });
    incoming.on('data', (chunk) => sent.push(chunk));
    incoming.on('end', () => forward.end(Buffer.concat(sent)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    take: () => {
      const taken = seen;
      seen = [];
      return taken;
    },
    close: () => server.close(),
  };
}
