/**
 * `[X-Flotilla] Announce=KEY VALUE`: what a machine writes to the key/value store for as long as a unit is active on it.
 * VALUE is the rest of the line. `{{ip}}` in it is the machine's address, `{{port:6379}}` the machine's port of that port
 * of the unit's container, `{{port}}` that of the first one that is published.
 */
import type { DirectiveReader } from './directiveReader.ts';
import type { DockerRun } from './dockerRun.ts';
import type { UnitOption } from './unitFile.ts';
import type { ExecCommand, ServiceSpec } from './unitSpec.ts';

export interface Announcement {
  key: string;
  /** With its placeholders. */
  value: string;
}

/** A port of a container, as the engine has published it. */
export interface PublishedPort {
  /** `6379/tcp`. */
  port: string;
  hostPort: number;
}

const example = 'Announce=/services/%p/%i {{ip}}:{{port}}';
const placeholder = /\{\{\s*(.*?)\s*\}\}/g;
const portName = /^port(?::(\d{1,5})(?:\/(tcp|udp|sctp))?)?$/;

/** What is wrong is left with the reader. `global`: the unit runs on many machines at once. */
export function readAnnouncements(
  reader: DirectiveReader,
  service: Pick<ServiceSpec, 'execStart' | 'image'>,
  { global }: { global: boolean },
): Announcement[] {
  const ports = portsOf(service);
  const keys = new Set<string>();
  return reader.list('X-Flotilla', 'Announce').flatMap((option) => {
    const announcement = readOne(reader, option, ports);
    if (announcement === null) return [];
    if (keys.has(announcement.key)) reader.fail(option, 'announces a key that the unit announces already');
    if (global && !/%[mHlb]/.test(option.value.split(/\s/, 1)[0] ?? '')) {
      reader.fail(option, 'is the same key on every machine of a global unit: put %m or %H in it');
    }
    keys.add(announcement.key);
    return [announcement];
  });
}

function readOne(reader: DirectiveReader, option: UnitOption, ports: Ports): Announcement | null {
  const [, key = '', value = ''] = /^(\S+)\s+(.*)$/s.exec(option.value) ?? [];
  if (value === '') {
    reader.fail(option, `needs a key and what to write there, such as ${example}`);
    return null;
  }
  if (key.includes('{{')) reader.fail(option, 'has {{…}} in its key: only what is written there may depend on it');
  return { key: reader.expand(option, key), value: readValue(reader, option, value, ports) };
}

/** With every port named, as far as it is known which one is meant. */
function readValue(reader: DirectiveReader, option: UnitOption, value: string, ports: Ports): string {
  const read = reader.expand(option, value).replace(placeholder, (whole, name: string) => {
    const meant = name === 'ip' ? 'ip' : meantPort(name, ports);
    if (typeof meant === 'string') return `{{${meant}}}`;
    reader.fail(option, `has ${whole}: ${meant.problem}`);
    return whole;
  });
  const hidden = ports.onLoopback.find((port) => read.includes(`{{port:${port}}}`));
  if (hidden !== undefined && read.includes('{{ip}}')) {
    reader.warn(option, `leads nowhere from other machines: docker run publishes ${hidden} on loopback alone`);
  }
  return read;
}

/** What is known of the ports before the container runs. */
interface Ports {
  /** Published by name, in the order of the command line. */
  published: string[];
  /** Of these, those that only the machine itself reaches. */
  onLoopback: string[];
  /** There may be others: all that the image exposes, or what a variable says. */
  others: boolean;
  /** Why there are none. */
  none: string;
}

function portsOf({ execStart, image }: Pick<ServiceSpec, 'execStart' | 'image'>): Ports {
  const none = 'a process publishes no port: write the port that it listens on';
  const nothing = { published: [], onLoopback: [], others: false };
  if (image !== undefined) return { ...nothing, none: 'Image= publishes no port: write docker run' };
  const runs = execStart.flatMap((command) =>
    command.docker?.verb === 'run' ? [{ command, run: command.docker }] : [],
  );
  const last = runs.at(-1);
  return last ? publishedBy(last.command, last.run) : { ...nothing, none };
}

function publishedBy({ argv }: ExecCommand, { body }: DockerRun): Ports {
  const { PortBindings = {}, PublishAllPorts = false, NetworkMode } = body.HostConfig;
  const others = PublishAllPorts || argv.some((word) => word.includes('$'));
  const none =
    NetworkMode === 'host'
      ? 'in the network of its machine a container publishes no port: write the port that it listens on'
      : 'docker run publishes no port: give it one, such as -p 6379, or write the port';
  const published = Object.keys(PortBindings);
  const isLocal = ({ HostIp }: { HostIp: string }) => /^(127\.|\[?::1\]?$)/.test(HostIp);
  return { published, onLoopback: published.filter((port) => PortBindings[port]?.every(isLocal)), others, none };
}

function meantPort(name: string, { published, others, none }: Ports): string | { problem: string } {
  const [isPort, number, protocol = 'tcp'] = portName.exec(name) ?? [];
  if (isPort === undefined)
    return { problem: 'there are {{ip}}, {{port}} and, for a port of a container, {{port:6379}}' };
  const port = number === undefined ? published[0] : `${number}/${protocol}`;
  if (others) return port === undefined ? 'port' : `port:${port}`;
  if (port === undefined || published.length === 0) return { problem: none };
  return published.includes(port) ? `port:${port}` : { problem: `docker run publishes ${published.join(', ')} only` };
}

/** What there is to write, or which port the container has not. */
export function renderAnnouncement(
  { value }: Announcement,
  { ip, ports }: { ip: string; ports: readonly PublishedPort[] },
): { value: string } | { missing: string } {
  const missing: string[] = [];
  const rendered = value.replace(placeholder, (_, name: string) => {
    if (name === 'ip') return ip;
    const [, wanted] = /^port:(.+)$/.exec(name) ?? [];
    const found = wanted === undefined ? ports[0] : ports.find(({ port }) => port === wanted);
    if (!found) missing.push(wanted ?? 'any port');
    return String(found?.hostPort ?? '');
  });
  return missing.length > 0 ? { missing: missing.join(', ') } : { value: rendered };
}

/** Whether it takes a container to say what there is to write. */
export function needsPorts({ value }: Announcement): boolean {
  return value.includes('{{port');
}
