/**
 * The configuration that Flotilla gives to a NATS server of its own. JetStream acknowledges before fsync unless
 * `sync_interval` is `always`; acknowledged must mean durable, so it always is.
 * Reference: https://docs.nats.io/running-a-nats-service/configuration
 */
export interface NatsConfig {
  serverName: string;
  /** Address that clients connect to. */
  host: string;
  /** -1: the server picks a free one. */
  port: number;
  /** Where JetStream keeps its streams. */
  storeDir: string;
  /** The server writes the ports that it listens on to a file in this directory. */
  portsDir: string;
  user: string;
  password: string;
  cluster?: NatsClusterConfig;
}

/** One cluster of NATS servers, for streams with three replicas. */
export interface NatsClusterConfig {
  name: string;
  host: string;
  port: number;
  /** `host:port` of the cluster listeners of all servers; the server's own may be among them. */
  routes: readonly string[];
}

/** The largest message that the servers take, bytes: it bounds a commit, and with it a unit file. */
export const maxPayloadBytes = 8 * 1024 * 1024;

/** The text of a nats-server configuration file. It holds the password: write it with mode 0600. */
export function renderNatsConfig(config: NatsConfig): string {
  return [
    `server_name: ${quote(config.serverName)}`,
    `host: ${quote(config.host)}`,
    `port: ${config.port}`,
    `ports_file_dir: ${quote(config.portsDir)}`,
    `max_payload: ${maxPayloadBytes}`,
    'jetstream {',
    `  store_dir: ${quote(config.storeDir)}`,
    '  sync_interval: always',
    '}',
    `authorization { user: ${quote(config.user)}, password: ${quote(config.password)} }`,
    ...(config.cluster ? renderCluster(config.cluster, config) : []),
    '',
  ].join('\n');
}

function renderCluster(cluster: NatsClusterConfig, { user, password }: NatsConfig): string[] {
  const credentials = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
  return [
    'cluster {',
    `  name: ${quote(cluster.name)}`,
    `  host: ${quote(cluster.host)}`,
    `  port: ${cluster.port}`,
    `  authorization { user: ${quote(user)}, password: ${quote(password)} }`,
    `  routes: [${cluster.routes.map((route) => quote(`nats://${credentials}@${route}`)).join(', ')}]`,
    '}',
  ];
}

/** A quoted string of NATS's configuration language, whose escapes are a part of JSON's. */
function quote(text: string): string {
  if (/\p{Cc}/u.test(text))
    throw new RangeError(`control characters cannot stand in a NATS configuration: ${JSON.stringify(text)}`);
  return JSON.stringify(text);
}
