import { rm } from 'node:fs/promises';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { ClusterFile } from './clusterFile.ts';
import { natsDir, type ProcessContext, startNatsOf } from './clusterProcesses.ts';
import { describeNats } from './describeCluster.ts';
import { moveStreams } from './moveStreams.ts';
import type { NatsServer } from './natsServer.ts';

type Context = Pick<ProcessContext, 'dir' | 'progress'>;

/**
 * Gives what the NATS servers of last time have to as many as there are to be. None of them runs before, nor afterwards.
 * What fails leaves the old ones as they were; until `flotilla.json` names the new ones, it is simply done again.
 * @throws {MoveError | NatsServerStartError}
 */
export async function resizeNats(
  { dir, progress }: Context,
  { before, after, binary }: { before: ClusterFile; after: ClusterFile; binary: string },
): Promise<void> {
  const [old, wanted] = [before.nats.length, after.nats.length];
  progress(`moving everything from ${servers(old)} to ${servers(wanted)}`);
  for (const path of dirsOf(dir, wanted)) await rm(path, { recursive: true, force: true });
  // On other ports than they are known by: nobody is to talk to them meanwhile.
  const [source, target] = [
    { ...before, nats: await describeNats(old, []) },
    { ...after, nats: await describeNats(wanted, []) },
  ];
  const running: NatsServer[] = [];
  try {
    const start = (file: ClusterFile) => startAll(dir, file, { binary, running });
    const [from, to] = [await start(source), await start(target)];
    await moveStreams(from, to, wanted);
    await Promise.all([from.close(), to.close()]);
  } finally {
    await Promise.all(running.map((server) => server.stop()));
  }
  progress(`moved; what is left in ${dirsOf(dir, old).join(', ')} is the old copy, and may be deleted`);
}

async function startAll(
  dir: string,
  file: ClusterFile,
  { binary, running }: { binary: string; running: NatsServer[] },
): Promise<NatsConnection> {
  const starting = file.nats.map((_, index) =>
    startNatsOf({ dir }, file, { binary, number: index + 1, awaitJetStream: true }),
  );
  for (const outcome of await Promise.allSettled(starting)) {
    if (outcome.status === 'fulfilled') running.push(outcome.value);
  }
  const urls = (await Promise.all(starting)).map(({ url }) => url);
  const { user = '', password = '' } = file;
  return connect({ servers: urls, user, pass: password });
}

function dirsOf(dir: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => natsDir(dir, index + 1, count));
}

function servers(count: number): string {
  return count === 1 ? 'one NATS server' : `${count} NATS servers`;
}
