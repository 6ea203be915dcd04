/** The small languages inside docker's option values: sizes, durations, ports, devices, comma-separated fields. */
import { splitOnce } from './dockerOptions.ts';

const suffixes = ' kmgtp';

/** A size such as `512`, `64m`, `1.5GiB`, in bytes (binary multiples, as docker counts them). */
export function parseBytes(text: string): number | null {
  const match = /^(\d+\.?\d*|\.\d+)(?:e([+-]?\d+))? ?(?:b|([kmgtp])(?:i?b)?)?$/i.exec(text);
  if (!match?.[1]) return null;
  const power = suffixes.indexOf(match[3]?.toLowerCase() ?? ' ');
  return Math.trunc(Number(`${match[1]}e${match[2] ?? 0}`) * 1024 ** power);
}

const digits: Record<string, RegExp> = { x: /^[0-9a-f]+$/i, o: /^[0-7]+$/, b: /^[01]+$/, '': /^\d+$/ };

/** A whole number of 64 bits as Go reads them: `42`, `-1`, `0x2a`, `052`, `1_000`. */
export function parseInteger(text: string): number | null {
  const match = /^([+-]?)(?:0([xob])_?)?(\d*[0-9a-f_]*)$/i.exec(text);
  const plain = match?.[3] ?? '';
  if (!match || plain === '' || /^_|__|_$/.test(plain)) return null;
  const bare = plain.replaceAll('_', '');
  const base = match[2]?.toLowerCase() ?? (/^0./.test(bare) ? 'o' : '');
  if (!digits[base]?.test(bare)) return null;
  const value = BigInt(base === '' ? bare : `0${base}${bare}`) * (match[1] === '-' ? -1n : 1n);
  return value === BigInt.asIntN(64, value) ? Number(value) : null;
}

export function integerBetween(min: number, max: number): (text: string) => number | null {
  return (text) => {
    const value = parseInteger(text);
    return value === null || value < min || value > max ? null : value;
  };
}

/** A whole number that Go's reader of numbers without sign takes. */
export function unsignedBetween(min: number, max: number): (text: string) => number | null {
  const parse = integerBetween(min, max);
  return (text) => (/^[+-]/.test(text) ? null : parse(text));
}

/** A number of processors such as `1.5` or `3/4`, in billionths, at which docker's precision ends. */
export function parseNanoCpus(text: string): number | null {
  const whole = parseInteger(text);
  const fraction = /^\+?(\d+)\/(\d+)$/.exec(text);
  const decimal = /^\+?(\d+\.?\d*|\.\d+)(?:e([+-]?\d{1,3}))?$/i.exec(text);
  const cpus =
    whole ??
    (fraction ? Number(fraction[1]) / Number(fraction[2]) : decimal ? Number(text.replace('+', '')) : Number.NaN);
  const nano = Math.round(cpus * 1e9);
  return nano >= 0 && Math.abs(nano - cpus * 1e9) < 1e-3 ? nano : null;
}

const nanoseconds: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** A duration as Go writes them, `1m30s`, in nanoseconds. */
export function parseDuration(text: string): number | null {
  const plain = text.replace(/^\+/, '');
  if (plain === '0') return 0;
  if (!/^((\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h))+$/.test(plain)) return null;
  const parts = plain.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)/g);
  return Math.round(
    [...parts].reduce((sum, [, count, unit]) => sum + Number(count) * (nanoseconds[unit ?? ''] ?? 0), 0),
  );
}

/** `a=1,"b=2,3"`: the fields of one line of comma-separated values, each as key and value. */
export function parseFields(text: string): [key: string, value: string | undefined][] | null {
  if (!/^("([^"]|"")*"|[^",]*)(,("([^"]|"")*"|[^",]*))*$/.test(text)) return null;
  const cells = text.match(/"(?:[^"]|"")*"|[^",]+/g) ?? [];
  return cells.map((cell) => {
    const plain = cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell;
    const [key, value] = splitOnce(plain, '=');
    return [key.toLowerCase(), value];
  });
}

export interface PublishedPort {
  /** `80/tcp`. */
  port: string;
  hostIp: string;
  /** Empty: the engine picks one. `8000-8010`: it picks one of these. */
  hostPort: string;
}

/**
 * What `--publish` means: `80`, `8080:80`, `127.0.0.1::53/udp`, `8000-8002:80-82`, `published=80,target=80`.
 * Source: docker-run(1), --publish.
 */
export function parsePublish(text: string): PublishedPort[] | null {
  // What stands behind a second slash is passed over, as docker does.
  const [left = '', named] = (text.includes('=') ? publishFields(text) : text).split('/');
  const protocol = named || 'tcp';
  const match = /^(?:(?:(\[[0-9a-fA-F:.]+\]|[0-9a-fA-F:.]*):)?([\d-]*):)?([\d-]+)$/.exec(left);
  const target = parsePortRange(match?.[3] ?? '');
  const host = match?.[2] ? parsePortRange(match[2]) : undefined;
  const hostIp = match?.[1]?.replace(/^\[|\]$/g, '') ?? '';
  if (!target || host === null || !isProtocol(protocol) || (hostIp !== '' && !isIpAddress(hostIp))) return null;
  return pairPorts(target, host, hostIp, protocol.toLowerCase());
}

function publishFields(text: string): string {
  const fields = new Map(parseFields(text) ?? []);
  return `${fields.get('published') ?? ''}:${fields.get('target') ?? ''}/${fields.get('protocol') ?? 'tcp'}`;
}

type Range = [first: number, last: number];

function pairPorts(target: Range, host: Range | undefined, hostIp: string, protocol: string): PublishedPort[] | null {
  const count = target[1] - target[0];
  if (host && count > 0 && host[1] - host[0] !== count) return null;
  return Array.from({ length: count + 1 }, (_, index) => ({
    port: `${target[0] + index}/${protocol}`,
    hostIp,
    hostPort: host ? hostPortOf(host, count, index) : '',
  }));
}

/** One container port on several host ports means: any one of them. */
function hostPortOf(host: Range, count: number, index: number): string {
  return count === 0 && host[1] > host[0] ? `${host[0]}-${host[1]}` : `${host[0] + index}`;
}

/** What `--expose` means: `80`, `80/udp`, `8000-8010`. */
export function parseExpose(text: string): string[] | null {
  const [ports = '', protocol] = text.split('/');
  const range = parsePortRange(ports);
  const named = protocol || 'tcp';
  if (!range || !isProtocol(named)) return null;
  return Array.from({ length: range[1] - range[0] + 1 }, (_, index) => `${range[0] + index}/${named}`);
}

function parsePortRange(text: string): Range | null {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (!match) return null;
  const range: Range = [Number(match[1]), Number(match[2] ?? match[1])];
  return range[0] <= range[1] && range[1] <= 65535 ? range : null;
}

function isProtocol(text: string): boolean {
  return ['tcp', 'udp', 'sctp'].includes(text.toLowerCase());
}

export function isIpAddress(text: string): boolean {
  return parseIp(text) !== null;
}

/** An address in the one spelling that Go has for it; null: it is none. */
export function canonicalIp(text: string): string | null {
  const groups = parseIp(text);
  if (!groups) return null;
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return groups
      .slice(6)
      .flatMap((group) => [group >> 8, group & 0xff])
      .join('.');
  }
  return compress(groups.map((group) => group.toString(16)));
}

/** The eight groups of an IPv6 address; an IPv4 address stands in the last two. */
function parseIp(text: string): number[] | null {
  if (!text.includes(':')) return prepend([0, 0, 0, 0, 0, 0xffff], parseIpv4(text));
  const [left = '', right, ...more] = text.split('::');
  const head = parseGroups(left);
  const tail = right === undefined ? [] : parseGroups(right);
  if (!head || !tail || more.length > 0) return null;
  const missing = 8 - head.length - tail.length;
  if (right === undefined ? missing !== 0 : missing < 1) return null;
  return [...head, ...Array<number>(missing).fill(0), ...tail];
}

function prepend(start: number[], rest: number[] | null): number[] | null {
  return rest && [...start, ...rest];
}

function parseIpv4(text: string): number[] | null {
  const octets = text.split('.');
  if (octets.length !== 4 || !octets.every((octet) => /^(0|[1-9]\d{0,2})$/.test(octet) && Number(octet) < 256))
    return null;
  const [a = 0, b = 0, c = 0, d = 0] = octets.map(Number);
  return [a * 256 + b, c * 256 + d];
}

function parseGroups(text: string): number[] | null {
  if (text === '') return [];
  const words = text.split(':');
  const last = words.at(-1) ?? '';
  const embedded = last.includes('.') ? parseIpv4(last) : [];
  const plain = last.includes('.') ? words.slice(0, -1) : words;
  if (!embedded || !plain.every((word) => /^[0-9a-f]{1,4}$/i.test(word))) return null;
  return [...plain.map((word) => Number.parseInt(word, 16)), ...embedded];
}

/** The longest run of two or more zeros, the first of equal ones, becomes `::` (RFC 5952). */
function compress(groups: string[]): string {
  const runs = [
    ...groups
      .map((group) => (group === '0' ? '0' : 'x'))
      .join('')
      .matchAll(/00+/g),
  ];
  const [longest] = runs.sort((a, b) => b[0].length - a[0].length || a.index - b.index);
  if (!longest) return groups.join(':');
  return `${groups.slice(0, longest.index).join(':')}::${groups.slice(longest.index + longest[0].length).join(':')}`;
}

/** A domain of a search list, without the dot at its end; `.` switches searching off. */
export function parseSearchDomain(text: string): string | null {
  const domain = text.trim();
  if (domain === '.') return domain;
  const label = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
  const match = new RegExp(`^(${label}(?:\\.${label})*)\\.?$`).exec(domain);
  return match?.[1] && /[a-zA-Z]/.test(domain) && domain.length < 255 ? match[1] : null;
}

/** A MAC address of 6, 8 or 20 bytes in one of the notations that Go reads. */
export function isMacAddress(text: string): boolean {
  const bytes = '(?:[0-9a-f]{2}{S}){5}[0-9a-f]{2}(?:(?:{S}[0-9a-f]{2}){2}|(?:{S}[0-9a-f]{2}){14})?';
  const words = '(?:[0-9a-f]{4}\\.){2}[0-9a-f]{4}(?:\\.[0-9a-f]{4}|(?:\\.[0-9a-f]{4}){7})?';
  const forms = [bytes.replaceAll('{S}', ':'), bytes.replaceAll('{S}', '-'), words];
  return forms.some((form) => new RegExp(`^${form}$`, 'i').test(text));
}

/** `host:ip` or `host=ip`, in the spelling that the engine wants; the address may be `host-gateway`. */
export function parseExtraHost(text: string): string | null {
  const [host, address] = splitOnce(text, text.includes('=') ? '=' : ':');
  const plain = address?.replace(/^\[(.*)\]$/, '$1');
  if (host === '' || plain === undefined) return null;
  return plain === 'host-gateway' || isIpAddress(plain) ? `${host}:${plain}` : null;
}

/**
 * The engine's rules for the name of an image: lower-case path components, an optional registry before and tag or
 * digest behind. Source: the reference grammar of the distribution project.
 */
export function isImageReference(text: string): boolean {
  const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
  const label = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
  const registry = `(?:${label}(?:\\.${label})*|\\[[0-9a-fA-F:]+\\])(?::\\d+)?`;
  const suffix = '(?::\\w[\\w.-]{0,127})?(?:@[a-z0-9+._-]+:[0-9a-fA-F]{32,})?';
  return new RegExp(`^(?:${registry}/)?${component}(?:/${component})*${suffix}$`).test(text);
}

/** The engine's rules for the name of a container. */
export function isContainerName(text: string): boolean {
  return /^\/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(text);
}

export interface Device {
  PathOnHost: string;
  PathInContainer: string;
  CgroupPermissions: string;
}

/** `/dev/a`, `/dev/a:/dev/b`, `/dev/a:rw`, `/dev/a:/dev/b:r`. */
export function parseDevice(text: string): Device | null {
  const parts = text.split(':');
  const last = parts.at(-1) ?? '';
  const permissions = parts.length > 1 && /^(?!.*(.).*\1)[rwm]{1,3}$/.test(last) ? parts.pop() : undefined;
  const [host = '', container = host] = parts;
  if (parts.length > 2 || !host.startsWith('/') || !container.startsWith('/')) return null;
  return { PathOnHost: host, PathInContainer: container, CgroupPermissions: permissions ?? 'rwm' };
}

export interface Ulimit {
  Name: string;
  Soft: number;
  Hard: number;
}

const ulimits = 'core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(
  ' ',
);

/** `nofile=1024` or `nofile=1024:2048`; -1 is unlimited. */
export function parseUlimit(text: string): Ulimit | null {
  const match = /^([a-z]+)=(-1|\d+)(?::(-1|\d+))?$/.exec(text);
  if (!match?.[1] || !ulimits.includes(match[1])) return null;
  const soft = Number(match[2]);
  const hard = match[3] === undefined ? soft : Number(match[3]);
  return hard !== -1 && (soft === -1 || soft > hard) ? null : { Name: match[1], Soft: soft, Hard: hard };
}

const systems =
  'aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos';
const architectures =
  '386 aarch64 amd64 amd64p32 arm arm64 arm64be armbe armel armhf i386 loong64 mips mips64 mips64le mips64p32 mips64p32le mipsle ppc ppc64 ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm x86-64 x86_64';

/** `os/architecture/variant`, or a well-known one of the first two. */
export function isPlatform(text: string): boolean {
  const parts = text.split('/');
  const [first = ''] = parts;
  if (parts.length > 3 || !parts.slice(1).every((part) => /^[\w.-]+$/.test(part))) return false;
  if (!/^[\w-]+(\([\w.-]*\))?$/.test(first)) return false;
  return parts.length > 1 || `${systems} ${architectures}`.split(' ').includes(first.toLowerCase());
}

/** A device of the Container Device Interface, such as `vendor.com/class=name`. */
export function isCdiDevice(text: string): boolean {
  const word = '[a-zA-Z](?:[\\w.-]*[a-zA-Z0-9])?';
  return new RegExp(`^${word}/${word}=[a-zA-Z0-9](?:[\\w.:-]*[a-zA-Z0-9])?$`).test(text);
}

/** `path:number`, as --device-read-bps and its relatives have it. */
export function parseThrottle(parse: (text: string) => number | null): (text: string) => [string, number] | null {
  return (text) => {
    const [path = '', number = '', ...more] = text.split(':');
    const value = parse(number);
    return value === null || value < 0 || more.length > 0 || !path.startsWith('/dev/') ? null : [path, value];
  };
}
