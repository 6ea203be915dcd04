/** Fetches images for units, with this machine's credentials, and knows how far it is. */
import { registryOf } from '../../../../shared/domain/imageName.ts';
import { createPullProgress, type PullProgress } from '../../../../shared/domain/pullProgress.ts';
import type { Credentials } from './credentials.ts';
import { type Engine, EngineError } from './engine.ts';

export interface Images {
  /** Fetches an image from its registry for that unit. */
  pull(unit: string, image: string, platform: string | undefined, signal: AbortSignal): Promise<void>;
  /** What is being fetched for a unit, in words; null: nothing. */
  activity(unit: string): string | null;
}

export function createImages(engine: Pick<Engine, 'pull'>, credentials: Credentials): Images {
  const underWay = new Map<string, Set<PullProgress>>();
  return {
    async pull(unit, image, platform, signal) {
      const progress = createPullProgress(image);
      const others = underWay.get(unit) ?? new Set();
      underWay.set(unit, others.add(progress));
      try {
        const auth = await credentials(image);
        const pull = engine.pull(image, { platform, auth, signal, onProgress: progress.take });
        await (auth === null ? pull.catch((error) => withAdvice(error, image)) : pull);
      } finally {
        others.delete(progress);
        if (others.size === 0) underWay.delete(unit);
      }
    },
    activity(unit) {
      const pulls = [...(underWay.get(unit) ?? [])];
      return pulls.length === 0 ? null : pulls.map((pull) => pull.describe()).join('; ');
    },
  };
}

/** Many a registry says of an image that it keeps secret that there is none. */
function withAdvice(error: unknown, image: string): never {
  if (!(error instanceof EngineError)) throw error;
  const advice = `this machine has no credentials for ${registryOf(image)}`;
  throw new EngineError(error.status, `${error.message} (${advice})`, { cause: error });
}
