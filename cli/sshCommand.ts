/** How ssh(1) is called for `flotilla ssh`. Keys of hosts are checked by ssh itself, as it is set up. */
import { UsageError } from './errors.ts';
import type { Io } from './io.ts';
import type { Options } from './options.ts';

export interface SshWish {
  /** Whom to log in as; absent: as ssh decides. */
  user?: string;
  port?: number;
  timeoutS?: number;
  /** A host to go through. */
  tunnel?: string;
  knownHosts?: string;
  forwardAgent: boolean;
  checkHostKeys: boolean;
}

const longestTimeoutS = 3_600;

/**
 * From the options; where they say nothing, from the variables that fleetctl reads.
 * @throws {UsageError}
 */
export function readSshWish(options: Options, env: Io['env']): SshWish {
  const user = options.text('sshUsername') ?? env.FLEETCTL_SSH_USERNAME;
  const port = options.count('sshPort', { min: 1, max: 65_535 });
  const timeoutS = options.count('sshTimeout', { min: 1, max: longestTimeoutS }) ?? readTimeout(env);
  const tunnel = options.text('tunnel') ?? env.FLEETCTL_TUNNEL;
  const knownHosts = options.text('knownHostsFile') ?? env.FLEETCTL_KNOWN_HOSTS_FILE;
  return {
    ...(user ? { user } : {}),
    ...(port === undefined ? {} : { port }),
    ...(timeoutS === undefined ? {} : { timeoutS }),
    ...(tunnel ? { tunnel } : {}),
    ...(knownHosts ? { knownHosts } : {}),
    forwardAgent: options.flag('forwardAgent'),
    checkHostKeys: options.flag('strictHostKeyChecking') && env.FLEETCTL_STRICT_HOST_KEY_CHECKING !== 'false',
  };
}

/** fleetctl takes fractions; ssh does not. */
function readTimeout({ FLEETCTL_SSH_TIMEOUT: text }: Io['env']): number | undefined {
  if (!text) return undefined;
  const seconds = Math.ceil(Number(text));
  if (seconds >= 1 && seconds <= longestTimeoutS) return seconds;
  throw new UsageError(`FLEETCTL_SSH_TIMEOUT takes seconds, not "${text}"`);
}

/** The arguments of ssh(1). `command` is empty for a shell; its words are joined as ssh itself does it. */
export function sshArguments(address: string, command: readonly string[], wish: SshWish): string[] {
  const { user, port, timeoutS, tunnel, knownHosts, forwardAgent, checkHostKeys } = wish;
  const option = (name: string, value: string | number) => ['-o', `${name}=${value}`];
  return [
    ...(forwardAgent ? ['-A'] : []),
    ...(port === undefined ? [] : ['-p', String(port)]),
    ...(tunnel === undefined
      ? []
      : option('ProxyJump', user === undefined || tunnel.includes('@') ? tunnel : `${user}@${tunnel}`)),
    ...(timeoutS === undefined ? [] : option('ConnectTimeout', timeoutS)),
    ...(knownHosts === undefined ? [] : option('UserKnownHostsFile', knownHosts)),
    ...(checkHostKeys ? [] : option('StrictHostKeyChecking', 'no')),
    // What comes from the cluster is never an option.
    '--',
    user === undefined ? address : `${user}@${address}`,
    ...command,
  ];
}
