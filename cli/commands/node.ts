import { join, resolve } from 'node:path';
import { clusterDirectory, findServiceEndpoint } from '../endpoint.ts';
import type { Io } from '../io.ts';
import { readMetadata } from '../metadata.ts';
import type { Options } from '../options.ts';
import type { Invocation } from '../verb.ts';

/** Runs a node in this process until it is told to stop. */
export async function node({ options, io }: Invocation): Promise<number> {
  const [machineId, ip, dockerSocket] = [options.text('machineId'), options.text('ip'), options.text('dockerSocket')];
  const registryAuth = options.text('registryAuth');
  const nodeOptions = {
    directory: options.text('dir') ?? join(clusterDirectory(undefined, io.env), 'node'),
    metadata: await readMetadata({ file: options.text('metadataFile'), pairs: options.text('metadata') }),
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
