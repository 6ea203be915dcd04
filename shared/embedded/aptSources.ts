/**
 * Reads where a machine of the Debian family gets its packages from: sources.list(5), both the one-line format and
 * deb822.
 */
export interface AptSource {
  uri: string;
  suites: string[];
  components: string[];
}

/** What os-release(5) says of the machine's distribution, as far as apt matters. */
export interface AptDistribution {
  /** Name of the installed release: `bookworm`. */
  codename: string;
  /** Signs every suite of the archive; without suffix, which is `.gpg` or `.pgp`. */
  keyring: string;
  /** The component that has nats-server. */
  component: string;
  /** Suites with a recent nats-server, best first: the next release before the one that still changes daily. */
  suites: readonly string[];
}

/** Null: not of the Debian family. */
export function parseDistribution(osRelease: string): AptDistribution | null {
  const value = (key: string) => new RegExp(`^${key}="?([^"\n]*)"?$`, 'm').exec(osRelease)?.[1] ?? '';
  const family = `${value('ID')} ${value('ID_LIKE')}`.split(' ');
  const ubuntuCodename = value('UBUNTU_CODENAME');
  if (family.includes('ubuntu') && ubuntuCodename !== '') return { codename: ubuntuCodename, ...ubuntu };
  if (family.includes('debian')) return { codename: value('DEBIAN_CODENAME') || value('VERSION_CODENAME'), ...debian };
  return null;
}

const debian = {
  keyring: '/usr/share/keyrings/debian-archive-keyring',
  component: 'main',
  suites: ['forky', 'sid', 'trixie'],
};

const ubuntu = {
  keyring: '/usr/share/keyrings/ubuntu-archive-keyring',
  component: 'universe',
  suites: ['resolute', 'devel', 'questing'],
};

/**
 * The archives that the installed release comes from. Others that happen to use its name are kept out not here but by
 * their signature.
 */
export function archiveUris(sources: readonly AptSource[], codename: string): string[] {
  const own = [codename, 'stable', 'testing', 'unstable', 'sid'];
  const matching = sources.filter((source) => source.suites.some((suite) => own.includes(suite)));
  return [...new Set(matching.filter((source) => source.components.includes('main')).map((source) => source.uri))];
}

/** `deb [options] uri suite component…`, one a line. */
export function parseOneLineSources(text: string): AptSource[] {
  return text.split('\n').flatMap((line) => {
    const [, rest] = /^\s*deb\s+(?:\[[^\]]*\]\s*)?([^#]+)/.exec(line) ?? [];
    const [uri, suite, ...components] = rest?.trim().split(/\s+/) ?? [];
    return uri === undefined || suite === undefined ? [] : [{ uri, suites: [suite], components }];
  });
}

/** Paragraphs of `Key: value` with continuation lines. */
export function parseDeb822Sources(text: string): AptSource[] {
  const withoutComments = text.replace(/^#.*\n?/gm, '');
  return withoutComments.split(/\n\s*\n/).flatMap((paragraph) => {
    const words = (key: string) => {
      const [, value] = new RegExp(`^${key}:((?:.*)(?:\n[ \t].*)*)`, 'im').exec(paragraph) ?? [];
      return value?.split(/\s+/).filter((word) => word !== '') ?? [];
    };
    if (!words('Types').includes('deb') || words('Enabled')[0]?.toLowerCase() === 'no') return [];
    return words('URIs').map((uri) => ({ uri, suites: words('Suites'), components: words('Components') }));
  });
}
