/** The small languages inside docker's option values: sizes, durations, ports, devices, comma-separated fields. */
import { splitOnce } from './dockerOptions.ts';

/** A size such as `512`, `64m`, `1.5GiB`, in bytes (binary multiples, as docker counts them). */
export function parseBytes(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp])?i?b?$/i.exec(text);
  if (!match?.[1]) return null;
  const power = ' kmgtp'.indexOf(match[2]?.toLowerCase() ?? ' ');
  return Math.floor(Number(match[1]) * 1024 ** power);
}

export function parseInteger(text: string): number | null {
  return /^[+-]?\d+$/.test(text) ? Number(text) : null;
}

export function integerBetween(min: number, max: number): (text: string) => number | null {
  return (text) => {
    const value = parseInteger(text);
    return value === null || value < min || value > max ? null : value;
  };
}

/** A number of processors such as `1.5`, in billionths, at which docker's precision ends. */
export function parseNanoCpus(text: string): number | null {
  return /^(\d+\.?\d{0,9}|\.\d{1,9})$/.test(text) ? Math.round(Number(text) * 1e9) : null;
}

const nanoseconds: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** A duration as Go writes them, `1m30s`, in nanoseconds. */
export function parseDuration(text: string): number | null {
  if (text === '0') return 0;
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) return null;
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g);
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
    return [key.trim().toLowerCase(), value];
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
  const [left, protocol = 'tcp'] = splitOnce(text.includes('=') ? publishFields(text) : text, '/');
  const match = /^(?:(?:(\[[0-9a-fA-F:.]+\]|[\d.]*):)?([\d-]*):)?([\d-]+)$/.exec(left);
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
  const [ports, protocol = 'tcp'] = splitOnce(text, '/');
  const range = parsePortRange(ports);
  if (!range || !isProtocol(protocol)) return null;
  return Array.from({ length: range[1] - range[0] + 1 }, (_, index) => `${range[0] + index}/${protocol.toLowerCase()}`);
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
  const octet = '(25[0-5]|2[0-4]\\d|1?\\d?\\d)';
  if (new RegExp(`^${octet}(\\.${octet}){3}$`).test(text)) return true;
  return /^[0-9a-fA-F:]*:[0-9a-fA-F:.]*$/.test(text) && text.split(':').length <= 8 && text.length >= 2;
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
  const registry = '(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\\[[0-9a-fA-F:]+\\])(?::\\d+)?';
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
  if (parts.length > 2 || !host.startsWith('/') || !container.startsWith('/') || host.endsWith('*')) return null;
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

/** `path:number`, as --device-read-bps and its relatives have it. */
export function parseThrottle(parse: (text: string) => number | null): (text: string) => [string, number] | null {
  return (text) => {
    const at = text.lastIndexOf(':');
    const value = at > 0 ? parse(text.slice(at + 1)) : null;
    return value === null || !text.startsWith('/') ? null : [text.slice(0, at), value];
  };
}
