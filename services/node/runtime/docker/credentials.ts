/**
 * Credentials for registries, out of a file on this machine in docker's own format: what `docker login` writes
 * (`auths`), and credential helpers (`credHelpers`, `credsStore`). It is read anew for each pull, so that a changed
 * password counts at once. No credential, nor any part of the file, ever stands in a message.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { dockerHub, registryHost, registryOf } from '../../../../shared/domain/imageName.ts';
import { StartError } from '../runtime.ts';
import { type ConfigFile, parseConfigFile, parseHelperAnswer } from './parseCredentials.ts';

/** What the engine hands on to a registry: the Engine API's `X-Registry-Auth`. */
export interface RegistryAuth {
  username?: string;
  password?: string;
  identitytoken?: string;
  registrytoken?: string;
  serveraddress: string;
}

/** For the registry of an image; null: there are none for it. */
export type Credentials = (image: string) => Promise<RegistryAuth | null>;

/**
 * @param path the file; absent: where docker has it, and then it may be missing.
 */
export function readCredentials(path?: string, env: NodeJS.ProcessEnv = process.env): Credentials {
  const file = path ?? join(env.DOCKER_CONFIG || join(homedir(), '.docker'), 'config.json');
  return async (image) => {
    const config = await readConfig(file, path === undefined);
    if (config === null) return null;
    const registry = registryOf(image);
    return (await askHelper(config, registry, env)) ?? fromFile(config, registry, file);
  };
}

/** @throws {StartError} the file cannot be read, or is none. */
async function readConfig(file: string, mayBeMissing: boolean): Promise<ConfigFile | null> {
  let content: string;
  try {
    content = await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (mayBeMissing && (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES')) return null;
    throw new StartError(`the credentials for registries in ${file} cannot be read: ${code}`);
  }
  const parsed = parseConfigFile(content);
  if (parsed !== null) return parsed;
  throw new StartError(`the credentials for registries in ${file} are not in the format of docker's config.json`);
}

function fromFile({ auths }: ConfigFile, registry: string, file: string): RegistryAuth | null {
  const wanted = registryHost(registry);
  const entry = auths[registry] ?? Object.entries(auths).find(([name]) => registryHost(name) === wanted)?.[1];
  if (entry === undefined) return null;
  const { auth, username, password, identitytoken, registrytoken } = entry;
  const pair = auth ? decodePair(auth, registry, file) : { username, password };
  const all = { ...pair, identitytoken, registrytoken };
  const given = Object.entries(all).filter(([, value]) => value !== undefined && value !== '');
  return given.length === 0 ? null : { ...Object.fromEntries(given), serveraddress: registry };
}

/** `auth`: the base64 of `user:password`. */
function decodePair(auth: string, registry: string, file: string): { username: string; password: string } {
  const plain = Buffer.from(auth, 'base64').toString('utf8');
  const colon = plain.indexOf(':');
  if (colon < 1) throw new StartError(`the credentials for ${registry} in ${file} are no base64 of user:password`);
  return { username: plain.slice(0, colon), password: plain.slice(colon + 1).replace(/\0+$/, '') };
}

const helperMs = 30_000;

/** Asks `docker-credential-NAME`, which answers for one registry or for all. Source: docker-login(1). */
async function askHelper(
  { credHelpers, credsStore }: ConfigFile,
  registry: string,
  env: NodeJS.ProcessEnv,
): Promise<RegistryAuth | null> {
  const own = registry === dockerHub ? credHelpers['docker.io'] : undefined;
  const name = credHelpers[registry] ?? own ?? credsStore;
  if (!name) return null;
  const helper = `docker-credential-${name}`;
  const answer = parseHelperAnswer(await runHelper(helper, registry, env));
  if (answer === null) return null;
  const { Username: username, Secret } = answer;
  // An identity token comes under this name.
  if (username === '<token>') return { identitytoken: Secret, serveraddress: registry };
  return { username, password: Secret, serveraddress: registry };
}

/** What it prints; nothing where it has no credentials, which it says by its exit code. */
function runHelper(helper: string, registry: string, env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(helper, ['get'], { timeout: helperMs, env }, (error, stdout) => {
      const isMissing = error !== null && 'code' in error && error.code === 'ENOENT';
      if (isMissing) reject(new StartError(`the credential helper ${helper} for ${registry} is not on this machine`));
      else resolve(error === null ? stdout : '');
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(registry);
  });
}
