/** Docker's own registry, under the name that its configuration files have for it. */
export const dockerHub = 'https://index.docker.io/v1/';

/** The registry that an image's name means: its first part, where that looks like a host (`host`, `host:port`). */
export function registryOf(image: string): string {
  const [first = '', ...rest] = image.split('/');
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  if (!isHost || first === 'docker.io' || first === 'index.docker.io') return dockerHub;
  return first;
}

/** A registry as configuration files may spell it, `https://host:port/v1/`, without what is around its name. */
export function registryHost(text: string): string {
  return text.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
}
