import { suggest } from '../shared/domain/suggest.ts';
import { UsageError } from './errors.ts';
import { argumentsOf, synopsis } from './help.ts';
import { spelled } from './options.ts';
import type { Verb } from './verb.ts';
import { globalOptions } from './verbs.ts';

/**
 * Makes sure that a verb gets what it takes, no more and no less.
 * @throws {UsageError}
 */
export function checkUsage(verb: Verb, args: readonly string[], options: Readonly<Record<string, unknown>>): void {
  checkOptions(verb, options);
  checkArguments(verb, args);
}

function checkOptions(verb: Verb, given: Readonly<Record<string, unknown>>): void {
  const known = [...verb.options, ...globalOptions].map(([flags]) => flags);
  const names = known.flatMap(namesOf);
  for (const [name, value] of Object.entries(given)) {
    const flags = known.find((candidate) => namesOf(candidate).includes(spelled(name)));
    if (flags === undefined) throw unknownOption(verb, spelled(name), names);
    if (value === true && flags.includes('<')) {
      throw new UsageError(`${spelled(name)} needs a value: ${flags}`);
    }
  }
}

/** Options that fleetctl has for every verb, and what to do here instead. */
const fleetctlOptions: Readonly<Record<string, string>> = {
  '--endpoint': 'flotilla speaks to NATS itself: --server nats://HOST:4222, or FLOTILLA_SERVER',
  '--tunnel':
    'let ssh forward the port of NATS (ssh -N -L 4222:127.0.0.1:4222 HOST) and say --server nats://127.0.0.1:4222',
  '--driver': 'there is one way to the cluster: --server, or FLOTILLA_SERVER',
  '--request-timeout': 'a request is repeated for 15 s; --timeout says how long to wait for the effect',
  '--debug': 'the logs of the services tell more; FLOTILLA_LOG_LEVEL=debug makes them tell all',
  '--sign': 'units were never signed since fleet 0.11; leave it out',
  '--output': 'the lines come as the unit wrote them; leave it out',
  ...Object.fromEntries(
    ['--ca-file', '--cert-file', '--key-file'].map((name) => [
      name,
      'TLS is set up at the NATS server and in --server tls://…',
    ]),
  ),
};

function unknownOption(verb: Verb, name: string, known: readonly string[]): UsageError {
  const instead = fleetctlOptions[name];
  if (instead !== undefined) return new UsageError(`"${verb.name}" has no option ${name}, as fleetctl has: ${instead}`);
  const meant = suggest(name, known);
  const hint = meant === null ? `"flotilla help ${verb.name}" lists its options` : `did you mean ${meant}?`;
  return new UsageError(`"${verb.name}" has no option ${name}: ${hint}`);
}

/** `-n, --lines <count>`: `-n` and `--lines`. A negated option is known under its positive name, too. */
function namesOf(flags: string): string[] {
  const names = flags.replace(/[<[].*/, '').split(',');
  return names.map((name) => name.trim().replace(/^--no-/, '--'));
}

function checkArguments(verb: Verb, args: readonly string[]): void {
  const usage = `usage: flotilla ${synopsis(verb)}`;
  const declared = argumentsOf(verb.args);
  const wanted = declared.filter(({ required }) => required).length;
  if (args.length < wanted) {
    throw new UsageError(`"${verb.name}" needs ${wanted === 1 ? 'an argument' : `${wanted} arguments`}; ${usage}`);
  }
  const most = declared.some(({ rest }) => rest) ? Infinity : declared.length;
  const [extra] = args.slice(Math.min(most, args.length));
  if (extra !== undefined) throw new UsageError(`"${verb.name}" cannot make use of "${extra}"; ${usage}`);
  if (!verb.takesEmpty && args.includes('')) throw new UsageError(`an argument is empty; ${usage}`);
}
