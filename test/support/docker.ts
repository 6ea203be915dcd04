/** What tests that need a Docker engine start with. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createEngine } from '../../services/node/runtime/docker.ts';

const images = fileURLToPath(new URL('../../scripts/images.sh', import.meta.url));

/**
 * Why the tests that need an engine cannot run here, or false. Where FLOTILLA_REQUIRE_DOCKER=1 says that there has to be
 * one, a missing engine is a failure instead.
 */
export async function dockerSkip(): Promise<string | false> {
  const engine = createEngine();
  try {
    await engine.ping();
    return false;
  } catch (cause) {
    const reason = `no Docker engine answers at ${engine.address}`;
    if (process.env.FLOTILLA_REQUIRE_DOCKER === '1') throw new Error(reason, { cause });
    return reason;
  }
}

const run = promisify(execFile);

/** Builds the image, if it is not there, from Debian packages. */
export async function ensureImage(name: 'busybox' | 'redis', dockerHost?: string): Promise<void> {
  const env = dockerHost === undefined ? process.env : { ...process.env, DOCKER_HOST: dockerHost };
  await run('sh', [images, name], { env, timeout: 180_000 });
}
