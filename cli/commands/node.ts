import { join, resolve } from 'node:path';
import { clusterDirectory, findServiceEndpoint } from '../endpoint.ts';
import { UsageError } from '../errors.ts';
import type { Io } from '../io.ts';
import type { Options } from '../options.ts';
import type { Invocation } from '../verb.ts';

/** Runs a node in this process until it is told to stop. */
export async function node({ options, io }: Invocation): Promise<number> {
  const [machineId, ip, dockerSocket] = [options.text('machineId'), options.text('ip'), options.text('dockerSocket')];
  const registryAuth = options.text('registryAuth');
  const nodeOptions = {
    directory: options.text('dir') ?? join(clusterDirectory(undefined, io.env), 'node'),
    metadata: parseMetadata(options.text('metadata') ?? ''),
    runtime: options.choice('runtime', ['auto', 'process']) ?? 'auto',
    ...(machineId === undefined ? {} : { machineId }),
    ...(ip === undefined ? {} : { ip }),
    ...(dockerSocket === undefined ? {} : { dockerSocket }),
    ...(registryAuth === undefined ? {} : { registryAuth: resolve(registryAuth) }),
    ...storeAccess(options, io.env),
  };
  const endpoint = await findServiceEndpoint(options, io.env);
  const { main } = await import('../../services/node/main.ts');
  return main({ ...endpoint, ...nodeOptions });
}

/** What units are told of the key/value store. */
function storeAccess(options: Options, env: Io['env']): { kvEndpoint?: string; kvUser?: string; kvPassword?: string } {
  const kvEndpoint = options.text('kvEndpoint');
  const { FLOTILLA_KV_USER: kvUser, FLOTILLA_KV_PASSWORD: kvPassword } = env;
  return {
    ...(kvEndpoint === undefined ? {} : { kvEndpoint }),
    ...(kvUser ? { kvUser } : {}),
    ...(kvPassword ? { kvPassword } : {}),
  };
}

/**
 * `zone=a,disk=ssd`, as fleet's `metadata` option has it.
 * @throws {UsageError} a part is no pair, or a key stands twice.
 */
export function parseMetadata(text: string): Record<string, string> {
  const metadata = new Map<string, string>();
  for (const pair of text.split(',').map((part) => part.trim())) {
    if (pair === '') continue;
    const [, key, value] = /^([^=\s]+)=(.*)$/.exec(pair) ?? [];
    if (key === undefined || value === undefined)
      throw new UsageError(`--metadata: "${pair}" is not of the form key=value`);
    if (metadata.has(key)) throw new UsageError(`--metadata names ${key} twice`);
    metadata.set(key, value);
  }
  return Object.fromEntries(metadata);
}
