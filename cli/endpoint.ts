import { resolve } from 'node:path';
import type { NatsAccess } from '../shared/bus/natsAccess.ts';
import { clusterFilePath, readClusterFile } from '../shared/embedded/clusterFile.ts';
import { FailureError } from './errors.ts';
import type { Io } from './io.ts';
import type { Options } from './options.ts';

/** Where the cluster's NATS is, and what it asks for. */
export type Endpoint = NatsAccess;

export const defaultDirectory = '.flotilla';

/** The directory that `flotilla up` runs a cluster in, or ran one. */
export function clusterDirectory(typed: string | undefined, env: Io['env']): string {
  return resolve(typed ?? env.FLOTILLA_DIR ?? defaultDirectory);
}

/**
 * The cluster that is meant. What was typed goes before the environment, and a server before a directory:
 * `--server`, `--dir`, `FLOTILLA_SERVER`, `FLOTILLA_DIR`, `.flotilla`.
 * @throws {FailureError} there is none.
 * @throws {ClusterFileError} the directory's `flotilla.json` is damaged.
 */
export async function findEndpoint(options: Options, env: Io['env']): Promise<Endpoint> {
  const directory = options.text('dir');
  const server = options.text('server') ?? (directory === undefined ? env.FLOTILLA_SERVER : undefined);
  return server ? namedEndpoint(server, env) : recordedEndpoint(clusterDirectory(directory, env));
}

/** The same for a service, whose `--dir` is its own and not the cluster's. */
export async function findServiceEndpoint(options: Options, env: Io['env']): Promise<Endpoint> {
  const server = options.text('server') ?? env.FLOTILLA_SERVER;
  return server ? namedEndpoint(server, env) : recordedEndpoint(clusterDirectory(undefined, env));
}

/** With what the environment says of credentials, unless the URL has its own, and of certificates. */
export function namedEndpoint(server: string, env: Io['env']): Endpoint {
  const { FLOTILLA_TLS_CA: tlsCa, FLOTILLA_TLS_CERT: tlsCert, FLOTILLA_TLS_KEY: tlsKey } = env;
  const files = { ...(tlsCa ? { tlsCa } : {}), ...(tlsCert ? { tlsCert } : {}), ...(tlsKey ? { tlsKey } : {}) };
  return { server, ...credentials(env.FLOTILLA_USER, env.FLOTILLA_PASSWORD), ...files };
}

async function recordedEndpoint(directory: string): Promise<Endpoint> {
  const file = await readClusterFile(directory);
  if (file?.server) return { server: file.server, ...credentials(file.user, file.password) };
  const why = file === null ? `there is no ${clusterFilePath(directory)}` : `the one in ${directory} never came up`;
  throw new FailureError(
    `no cluster is known here (${why}): start one with "flotilla up", or name one with --dir or --server`,
  );
}

function credentials(user: string | undefined, password: string | undefined): Omit<Endpoint, 'server'> {
  return { ...(user ? { user } : {}), ...(password ? { password } : {}) };
}
