import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, startChild } from '../../shared/embedded/childProcess.ts';
import { choosePort } from '../../shared/embedded/choosePort.ts';
import type { CleanUp } from '../../test/support/nats.ts';

export interface RunningEtcd {
  /** `host:port` */
  address: string;
  readonly pid: number;
  kill(): Promise<void>;
  start(): Promise<void>;
}

/** One etcd as its package installs it, with a directory of its own; it syncs to disk before it answers, as by default. */
export async function startEtcd(t: CleanUp): Promise<RunningEtcd> {
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-etcd-'));
  const address = `127.0.0.1:${await choosePort('127.0.0.1')}`;
  const peer = `127.0.0.1:${await choosePort('127.0.0.1')}`;
  const command = [
    ...['etcd', '--data-dir', join(dir, 'data'), '--name', 'etcd'],
    ...['--listen-client-urls', `http://${address}`, '--advertise-client-urls', `http://${address}`],
    ...['--listen-peer-urls', `http://${peer}`, '--initial-advertise-peer-urls', `http://${peer}`],
    ...['--initial-cluster', `etcd=http://${peer}`],
  ];
  const begin = (): Promise<Child> => startChild(command, { logFile: join(dir, 'log') });
  let child = await begin();
  t.after(async () => {
    await child.kill();
    await rm(dir, { recursive: true, force: true });
  });
  return {
    address,
    get pid() {
      return child.pid;
    },
    kill: () => child.kill(),
    start: async () => {
      child = await begin();
    },
  };
}
