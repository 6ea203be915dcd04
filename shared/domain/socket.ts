/** `[Socket]`: what is listened on for a service until somebody calls. Semantics: systemd.socket(5). */
import type { DirectiveReader } from './directiveReader.ts';
import { isAbsolutePath, simplifyPath } from './paths.ts';
import { parseTimeSpan } from './timeSpan.ts';
import { readSocketService } from './triggerTarget.ts';
import type { UnitName } from './unitName.ts';
import { type Parsed, parseBoolean, parseMode, parseUnsigned } from './values.ts';

export interface SocketSpec {
  /** In the order in which the service gets them. */
  listeners: Listener[];
  /** The unit that it starts. */
  unit: string;
  /** The name of all of them in `LISTEN_FDNAMES`. */
  name: string;
  backlog: number;
  mode: number;
  directoryMode: number;
  user?: string;
  group?: string;
  /** Files of unix sockets go with the unit. */
  removeOnStop: boolean;
  /** At most `burst` starts within `intervalMs`; 0 switches the limit off. */
  limit: { intervalMs: number; burst: number };
}

export interface Listener {
  type: 'stream' | 'datagram';
  /** `any`: a port on all addresses. An abstract unix socket begins with `@`. */
  address: { family: 'any'; port: number } | { family: 'inet' | 'inet6'; host: string; port: number } | UnixAddress;
}

interface UnixAddress {
  family: 'unix';
  path: string;
}

const section = 'Socket';
const defaultBacklog = 4_096;
const mostPath = 107;

/** `nameReader` knows the specifiers of the name alone: which unit is started must not depend on the machine. */
export function readSocket(reader: DirectiveReader, nameReader: DirectiveReader, unit: UnitName): SocketSpec {
  const listeners = readListeners(reader);
  if (listeners.length === 0) {
    reader.report('error', undefined, 'nothing is listened on: write ListenStream= or ListenDatagram= in [Socket]');
  }
  const name = reader.text(section, 'FileDescriptorName');
  if (name && !/^[^:\p{Cc}]{1,255}$/u.test(name.text)) reader.fail(name.option, 'is no name for descriptors');
  const [user, group] = [reader.text(section, 'SocketUser')?.text, reader.text(section, 'SocketGroup')?.text];
  return {
    listeners,
    unit: readSocketService(nameReader, section, unit),
    name: name?.text ?? unit.name,
    backlog: reader.value(section, 'Backlog', parseUnsigned, defaultBacklog),
    mode: reader.value(section, 'SocketMode', parseMode, 0o666),
    directoryMode: reader.value(section, 'DirectoryMode', parseMode, 0o755),
    ...(user === undefined ? {} : { user }),
    ...(group === undefined ? {} : { group }),
    removeOnStop: reader.value(section, 'RemoveOnStop', parseBoolean, false),
    limit: {
      intervalMs: reader.value(section, 'TriggerLimitIntervalSec', parseLimit, 2_000),
      burst: reader.value(section, 'TriggerLimitBurst', parseUnsigned, 20),
    },
  };
}

function readListeners(reader: DirectiveReader): Listener[] {
  return reader.list(section, 'ListenStream', 'ListenDatagram').flatMap((option): Listener[] => {
    const text = reader.expand(option, option.value);
    const address = reader.parse<Listener['address'] | null>(option, text, parseAddress, null);
    const type = option.name === 'ListenStream' ? 'stream' : 'datagram';
    return address === null ? [] : [{ type, address }];
  });
}

function parseAddress(text: string): Parsed<Listener['address']> {
  if (/^[/@]/.test(text)) return parseUnixAddress(text);
  if (/^\d+$/.test(text)) return withPort(text, (port) => ({ family: 'any', port }));
  const [, bracketed, plain, port] = /^(?:\[([\da-fA-F:.]+)\]|(\d+\.\d+\.\d+\.\d+)):(\d+)$/.exec(text) ?? [];
  if (port === undefined)
    return { error: 'is no address: write a port, 127.0.0.1:80, [::1]:80, or the path of a unix socket' };
  if (plain?.split('.').some((part) => Number(part) > 255)) return { error: 'is no IPv4 address' };
  const [family, host] = plain === undefined ? (['inet6', bracketed ?? ''] as const) : (['inet', plain] as const);
  return withPort(port, (number) => ({ family, host, port: number }));
}

function withPort(text: string, make: (port: number) => Listener['address']): Parsed<Listener['address']> {
  const port = Number(text);
  return port >= 1 && port <= 65_535 ? { value: make(port) } : { error: 'has no port from 1 to 65535' };
}

function parseUnixAddress(text: string): Parsed<Listener['address']> {
  const path = text.startsWith('@') ? text : simplifyPath(text);
  if (text.startsWith('/') && !isAbsolutePath(text)) return { error: 'is no absolute path' };
  if (new TextEncoder().encode(path).length > mostPath) return { error: `is longer than ${mostPath} bytes` };
  return path.length < 2 ? { error: 'is no path of a socket' } : { value: { family: 'unix', path } };
}

/** Without a time nothing is limited. */
function parseLimit(text: string): Parsed<number> {
  const span = parseTimeSpan(text);
  return 'value' in span ? { value: span.value ?? 0 } : span;
}
