/**
 * The docker verbs for networks, volumes and images, and those that only ask: each is a request to the Engine API, or one
 * for every name. Source: the manual pages of the verbs; the requests are what docker's own command line sends.
 */
import {
  type DockerOptions,
  flagOption,
  parsedOption,
  refusedOption,
  scanOptions,
  splitOnce,
  textOption,
} from './dockerOptions.ts';
import { isImageReference, isIpAddress, parseInteger } from './dockerValues.ts';

export interface EngineRequest {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  query?: Record<string, string>;
  body?: unknown;
  /** What it is about, as it was typed. */
  name: string;
  /** That there is no such thing is no failure. */
  force?: true;
  /** Asked in turn while there is no such thing. */
  otherwise?: string[];
}

export interface DockerRequests {
  verb: 'request';
  /** `network create`. */
  words: string;
  requests: EngineRequest[];
}

export interface ObjectVerb {
  // biome-ignore lint/suspicious/noExplicitAny: each verb has its own draft, which only its own table and reader see.
  options: DockerOptions<any>;
  parse: (args: readonly string[], skipVariables: boolean) => { command: DockerRequests; problems: string[] };
}

interface VerbSettings<D> {
  words: string;
  options: DockerOptions<D>;
  draft: () => D;
  /** What must be named: at least so many, at most so many. */
  names: [least: number, most: number];
  requests: (names: string[], draft: D) => EngineRequest[];
  /** What no option alone can know. */
  check?: (draft: D, names: string[]) => string[];
}

function verb<D>({ words, options, draft, names, requests, check }: VerbSettings<D>): ObjectVerb {
  return {
    options,
    parse(args, skipVariables) {
      const read = draft();
      const command = `docker ${words}`;
      const scan = scanOptions(args, { options, draft: read, interspersed: true, command, skipVariables });
      const problems = [...scan.problems];
      const [least, most] = names;
      if (scan.words.length < least || scan.words.length > most) {
        problems.push(`${command} needs ${describeCount(least, most)}, not ${scan.words.length}`);
      }
      if (!scan.incomplete && problems.length === 0) {
        problems.push(...(check?.(read, scan.words) ?? []).map((problem) => `${command}: ${problem}`));
      }
      return { command: { verb: 'request', words, requests: requests(scan.words, read) }, problems };
    },
  };
}

function describeCount(least: number, most: number): string {
  if (least === most) return least === 1 ? 'the name of one thing' : `${least} names`;
  return most === Number.POSITIVE_INFINITY ? `the name of at least ${least} thing` : `${least} to ${most} names`;
}

const many = Number.POSITIVE_INFINITY;
const segment = (name: string) => encodeURIComponent(name).replaceAll('%3A', ':');
/** Names of images may have slashes, which are part of the path. */
const imagePath = (name: string) => name.split('/').map(segment).join('/');

interface Forced {
  force: boolean;
}

const force = flagOption<Forced>((draft, value) => {
  draft.force = value;
}, 'f');
const noForce = (): Forced => ({ force: false });

interface Labelled {
  labels: Record<string, string>;
  driver?: string;
  driverOptions: Record<string, string>;
}

const label = parsedOption<Labelled, [string, string | undefined]>(
  (text) => (/^[^\s=]+(=|$)/.test(text) ? splitOnce(text, '=') : null),
  'NAME=value, the name without white space',
  (draft, [key, value]) => {
    draft.labels[key] = value ?? '';
  },
);
const driver = textOption<Labelled>((draft, value) => {
  draft.driver = value;
}, 'd');
const pair = <D>(set: (draft: D, key: string, value: string) => void, short?: string) =>
  parsedOption<D, [string, string | undefined]>(
    (text) => (text.includes('=') ? splitOnce(text, '=') : null),
    'key=value',
    (draft, [key, value]) => set(draft, key, value ?? ''),
    short,
  );
const driverOption = pair<Labelled>((draft, key, value) => {
  draft.driverOptions[key] = value;
}, 'o');

interface NetworkDraft extends Labelled {
  attachable: boolean;
  ingress: boolean;
  internal: boolean;
  configOnly: boolean;
  configFrom?: string;
  scope: string;
  ipv4?: boolean;
  ipv6?: boolean;
  ipamDriver: string;
  ipamOptions: Record<string, string>;
  subnets: string[];
  ranges: string[];
  gateways: string[];
  auxiliary: [string, string][];
}

const list = (key: 'subnets' | 'ranges' | 'gateways') =>
  textOption<NetworkDraft>((draft, value) => draft[key].push(...value.split(',')));
const flag = (key: 'attachable' | 'ingress' | 'internal' | 'configOnly' | 'ipv4' | 'ipv6') =>
  flagOption<NetworkDraft>((draft, value) => {
    draft[key] = value;
  });

const networkOptions: DockerOptions<NetworkDraft> = {
  attachable: flag('attachable'),
  'aux-address': pair((draft, key, value) => draft.auxiliary.push([key, value])),
  'config-from': textOption((draft, value) => {
    draft.configFrom = value;
  }),
  'config-only': flag('configOnly'),
  driver,
  gateway: list('gateways'),
  ingress: flag('ingress'),
  internal: flag('internal'),
  'ip-range': list('ranges'),
  'ipam-driver': textOption((draft, value) => {
    draft.ipamDriver = value;
  }),
  'ipam-opt': pair((draft, key, value) => {
    draft.ipamOptions[key] = value;
  }),
  ipv4: flag('ipv4'),
  ipv6: flag('ipv6'),
  label,
  opt: driverOption,
  scope: textOption((draft, value) => {
    draft.scope = value;
  }),
  subnet: list('subnets'),
};

function networkBody(name: string, draft: NetworkDraft): unknown {
  const { ipv4, ipv6, configFrom } = draft;
  return {
    Name: name,
    Driver: draft.driver ?? 'bridge',
    Scope: draft.scope,
    ...(ipv4 === undefined ? {} : { EnableIPv4: ipv4 }),
    ...(ipv6 === undefined ? {} : { EnableIPv6: ipv6 }),
    IPAM: { Driver: draft.ipamDriver, Options: draft.ipamOptions, Config: addressPools(draft) },
    Internal: draft.internal,
    Attachable: draft.attachable,
    Ingress: draft.ingress,
    ConfigOnly: draft.configOnly,
    ConfigFrom: configFrom === undefined || configFrom === '' ? null : { Network: configFrom },
    Options: draft.driverOptions,
    Labels: draft.labels,
  };
}

/** Each subnet with the ranges, gateways and addresses that lie in it. */
function addressPools({ subnets, ranges, gateways, auxiliary }: NetworkDraft) {
  const within = (subnet: string, address: string | undefined) => address !== undefined && contains(subnet, address);
  return subnets.map((subnet) => {
    const range = ranges.find((each) => within(subnet, each.split('/')[0]));
    const gateway = gateways.find((each) => within(subnet, each));
    const reserved = auxiliary.filter(([, address]) => within(subnet, address));
    return {
      Subnet: subnet,
      ...(range === undefined ? {} : { IPRange: range }),
      ...(gateway === undefined ? {} : { Gateway: gateway }),
      ...(reserved.length === 0 ? {} : { AuxiliaryAddresses: Object.fromEntries(reserved) }),
    };
  });
}

/** Whether an IPv4 address lies in a network; of IPv6 the family is compared alone. */
function contains(subnet: string, address: string): boolean {
  const [base = '', bits = '32'] = subnet.split('/');
  if (base.includes(':') || address.includes(':')) return base.includes(':') && address.includes(':');
  const number = (text: string) => text.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const size = 2 ** (32 - Number(bits));
  return Math.floor(number(base) / size) === Math.floor(number(address) / size);
}

function checkNetwork(draft: NetworkDraft): string[] {
  const { subnets, ranges, gateways, auxiliary } = draft;
  const homeless = [
    ...ranges.map((range) => range.split('/')[0] ?? ''),
    ...gateways,
    ...auxiliary.map(([, ip]) => ip),
  ].filter((address) => !subnets.some((subnet) => contains(subnet, address)));
  const ipv6 = subnets.filter((subnet) => subnet.includes(':')).length > 1;
  return [
    ...homeless.map((address) => `${address} lies in none of the networks of --subnet`),
    ...[...ranges, ...gateways]
      .filter((text) => !isIpAddress(text.split('/')[0] ?? ''))
      .map((text) => `${text} is not an address`),
    ...(ipv6 && (ranges.length > 0 || gateways.length > 0 || auxiliary.length > 0)
      ? ['more than one IPv6 subnet with ranges or gateways is not supported: create the network beforehand']
      : []),
  ];
}

interface ConnectDraft {
  aliases: string[];
  links: string[];
  ipam: { IPv4Address?: string; IPv6Address?: string; LinkLocalIPs?: string[] };
  driverOptions: Record<string, string>;
  priority?: number;
}

const ip = (set: (draft: ConnectDraft, value: string) => void) =>
  parsedOption<ConnectDraft, string>((text) => (isIpAddress(text) ? text : null), 'an IP address', set);

const connectOptions: DockerOptions<ConnectDraft> = {
  alias: textOption((draft, value) => draft.aliases.push(...value.split(','))),
  'driver-opt': pair((draft, key, value) => {
    draft.driverOptions[key] = value;
  }),
  'gw-priority': parsedOption(parseInteger, 'a whole number', (draft, value) => {
    draft.priority = value;
  }),
  ip: ip((draft, value) => {
    draft.ipam.IPv4Address = value;
  }),
  ip6: ip((draft, value) => {
    draft.ipam.IPv6Address = value;
  }),
  link: textOption((draft, value) => draft.links.push(value)),
  'link-local-ip': ip((draft, value) => {
    draft.ipam.LinkLocalIPs = [...(draft.ipam.LinkLocalIPs ?? []), value];
  }),
};

function endpoint({ aliases, links, ipam, driverOptions, priority }: ConnectDraft): unknown {
  return {
    ...(aliases.length === 0 ? {} : { Aliases: aliases }),
    ...(links.length === 0 ? {} : { Links: links }),
    ...(Object.keys(driverOptions).length === 0 ? {} : { DriverOpts: driverOptions }),
    ...(priority === undefined ? {} : { GwPriority: priority }),
    ...(Object.keys(ipam).length === 0 ? {} : { IPAMConfig: ipam }),
  };
}

const ofSwarms = refusedOption<VolumeDraft>('volumes of swarms are none of Flotilla’s');
type VolumeDraft = Labelled & { name?: string };

const volumeOptions: DockerOptions<VolumeDraft> = {
  driver,
  label,
  name: textOption((draft, value) => {
    draft.name = value;
  }),
  opt: driverOption,
  ...Object.fromEntries(
    'availability group limit-bytes required-bytes scope secret sharing topology-preferred topology-required type'
      .split(' ')
      .map((name) => [name, ofSwarms]),
  ),
};

function volumeBody(name: string | undefined, { driver: given, driverOptions, labels }: Labelled): unknown {
  return {
    Driver: given ?? 'local',
    ...(Object.keys(driverOptions).length === 0 ? {} : { DriverOpts: driverOptions }),
    ...(Object.keys(labels).length === 0 ? {} : { Labels: labels }),
    ...(name === undefined ? {} : { Name: name }),
  };
}

interface ImageDraft extends Forced {
  prune: boolean;
}

const imageOptions: DockerOptions<ImageDraft> = {
  force,
  'no-prune': flagOption((draft, value) => {
    draft.prune = !value;
  }),
  platform: refusedOption('images are removed for all platforms'),
};

/** Where a thing of that kind is looked up. */
const places: Readonly<Record<string, (name: string) => string>> = {
  container: (name) => `/containers/${segment(name)}/json`,
  image: (name) => `/images/${imagePath(name)}/json`,
  network: (name) => `/networks/${segment(name)}`,
  volume: (name) => `/volumes/${segment(name)}`,
};

interface InspectDraft {
  type?: string;
}

const inspectOptions: DockerOptions<InspectDraft> = {
  format: { ...refusedOption('templates of Go are not understood: the answer goes to the journal whole'), short: 'f' },
  size: { ...refusedOption('it is not asked for'), flag: true, short: 's' },
  type: parsedOption(
    (text) => (Object.hasOwn(places, text) ? text : null),
    'container, image, network or volume',
    (draft, value) => {
      draft.type = value;
    },
  ),
};

function inspect(words: string, type?: string): ObjectVerb {
  return verb<InspectDraft>({
    words,
    options: inspectOptions,
    draft: () => (type === undefined ? {} : { type }),
    names: [1, many],
    requests: (names, { type: kind }) =>
      names.map((name) => {
        const paths = Object.keys(places).filter((each) => kind === undefined || each === kind);
        const [first = '', ...otherwise] = paths.flatMap((each) => places[each]?.(name) ?? []);
        return { method: 'GET', path: first, name, ...(otherwise.length > 0 ? { otherwise } : {}) };
      }),
  });
}

const labelled = (): Labelled => ({ labels: {}, driverOptions: {} });

/** By their words. */
export const objectVerbs: Readonly<Record<string, ObjectVerb>> = {
  'network create': verb<NetworkDraft>({
    words: 'network create',
    options: networkOptions,
    draft: () => ({
      ...labelled(),
      attachable: false,
      ingress: false,
      internal: false,
      configOnly: false,
      scope: '',
      ipamDriver: 'default',
      ipamOptions: {},
      subnets: [],
      ranges: [],
      gateways: [],
      auxiliary: [],
    }),
    names: [1, 1],
    check: checkNetwork,
    requests: ([name = ''], draft) => [
      { method: 'POST', path: '/networks/create', body: networkBody(name, draft), name },
    ],
  }),
  'network connect': verb<ConnectDraft>({
    words: 'network connect',
    options: connectOptions,
    draft: () => ({ aliases: [], links: [], ipam: {}, driverOptions: {} }),
    names: [2, 2],
    requests: ([network = '', container = ''], draft) => [
      {
        method: 'POST',
        path: `/networks/${segment(network)}/connect`,
        body: { Container: container, EndpointConfig: endpoint(draft) },
        name: container,
      },
    ],
  }),
  'network disconnect': verb<Forced>({
    words: 'network disconnect',
    options: { force },
    draft: noForce,
    names: [2, 2],
    requests: ([network = '', container = ''], draft) => [
      {
        method: 'POST',
        path: `/networks/${segment(network)}/disconnect`,
        body: { Container: container, Force: draft.force },
        name: container,
      },
    ],
  }),
  'network rm': verb<Forced>({
    words: 'network rm',
    options: { force },
    draft: noForce,
    names: [1, many],
    requests: (names, draft) =>
      names.map((name) => ({
        method: 'DELETE',
        path: `/networks/${segment(name)}`,
        name,
        ...(draft.force ? { force: true as const } : {}),
      })),
  }),
  'network inspect': inspect('network inspect', 'network'),
  'volume create': verb<VolumeDraft>({
    words: 'volume create',
    options: volumeOptions,
    draft: labelled,
    names: [0, 1],
    check: ({ name }, names) => (name !== undefined && names.length > 0 ? ['the volume is named twice'] : []),
    requests: ([name], draft) => [
      {
        method: 'POST',
        path: '/volumes/create',
        body: volumeBody(name ?? draft.name, draft),
        name: name ?? draft.name ?? '',
      },
    ],
  }),
  'volume rm': verb<Forced>({
    words: 'volume rm',
    options: { force },
    draft: noForce,
    names: [1, many],
    requests: (names, draft) =>
      names.map((name) => ({
        method: 'DELETE',
        path: `/volumes/${segment(name)}`,
        name,
        ...(draft.force ? { query: { force: '1' } } : {}),
      })),
  }),
  'volume inspect': inspect('volume inspect', 'volume'),
  rmi: verb<ImageDraft>({
    words: 'rmi',
    options: imageOptions,
    draft: () => ({ force: false, prune: true }),
    names: [1, many],
    check: (_draft, names) =>
      names
        .filter((name) => !isImageReference(name) && !name.includes('$'))
        .map((name) => `${name} is not the name of an image`),
    requests: (names, draft) =>
      names.map((name) => ({
        method: 'DELETE',
        path: `/images/${imagePath(name)}`,
        query: { ...(draft.force ? { force: '1' } : {}), ...(draft.prune ? {} : { noprune: '1' }) },
        name,
      })),
  }),
  'image inspect': inspect('image inspect', 'image'),
  inspect: inspect('inspect'),
};
