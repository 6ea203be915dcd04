import { fileURLToPath } from 'node:url';
import { capture, say } from './stage.ts';

const image = 'dockerfile/redis';
const published = 'redis:7-alpine';
const builder = fileURLToPath(new URL('../images.sh', import.meta.url));

/** Whether a Docker engine answers on this machine. */
export async function engineAnswers(): Promise<boolean> {
  try {
    return (await capture(['docker', 'info'], { limitMs: 10_000, show: false })).code === 0;
  } catch {
    // There is no docker command line.
    return false;
  }
}

/**
 * Makes sure that the image which the seed's units name is there: the local one, else a published Redis under that name,
 * else one built from Debian's packages. False when none can be had.
 */
export async function provideRedisImage(): Promise<boolean> {
  if (await succeeds(['docker', 'image', 'inspect', image], 10_000)) {
    say(`the image ${image} is there`);
    return true;
  }
  say(`fetching ${published} for ${image} (at most 30 s)`);
  if (await succeeds(['docker', 'pull', '--quiet', published], 30_000)) {
    return succeeds(['docker', 'tag', published, image], 10_000);
  }
  say(`no registry gives it: building ${image} from Debian's redis-server package (at most 3 min)`);
  return (await capture(['bash', builder, 'redis'], { limitMs: 180_000, show: true })).code === 0;
}

async function succeeds(argv: string[], limitMs: number): Promise<boolean> {
  return (await capture(argv, { limitMs, show: false })).code === 0;
}
