/** One line of what an engine says while it fetches an image: the Engine API's `POST /images/create`. */
export interface PullLine {
  /** A layer; absent where the line is about the whole. */
  id?: string | undefined;
  status?: string | undefined;
  progressDetail?: { current?: number | undefined; total?: number | undefined } | undefined;
}

export interface PullProgress {
  take(line: PullLine): void;
  /** `pulling redis:7: 2 of 6 layers, 31.2 of 45.9 MB`. */
  describe(): string;
}

interface Layer {
  current: number;
  total: number;
  done: boolean;
}

const begins = ['Pulling fs layer', 'Already exists', 'Waiting'];
const ends = ['Pull complete', 'Already exists'];

/** Adds up what is said of the layers of an image. */
export function createPullProgress(image: string): PullProgress {
  const layers = new Map<string, Layer>();
  return {
    take({ id, status = '', progressDetail: { current = 0, total = 0 } = {} }) {
      if (id === undefined) return;
      const isDownload = status === 'Downloading';
      if (!layers.has(id) && !isDownload && !begins.includes(status)) return;
      const layer = layers.get(id) ?? { current: 0, total: 0, done: false };
      layers.set(id, layer);
      if (isDownload) Object.assign(layer, { current, total: Math.max(total, current) });
      if (status === 'Download complete') layer.current = layer.total;
      if (ends.includes(status)) layer.done = true;
    },
    describe() {
      const all = [...layers.values()];
      if (all.length === 0) return `pulling ${image}`;
      const sum = (of: 'current' | 'total') => all.reduce((total, layer) => total + layer[of], 0);
      const done = all.filter((layer) => layer.done).length;
      const bytes = sum('total') > 0 ? `, ${megabytes(sum('current'))} of ${megabytes(sum('total'))} MB` : '';
      return `pulling ${image}: ${done} of ${all.length} layers${bytes}`;
    },
  };
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
