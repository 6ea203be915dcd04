#!/usr/bin/env node
// Registers the verbs and runs the one that was asked for. It imports as little as it can: every verb starts through it.
import { cac } from 'cac';
import { exitCode } from './errors.ts';
import { findVerb, renderGroupHelp, renderHelp, renderVerbHelp } from './help.ts';
import { createProcessIo, type Io } from './io.ts';
import { Options } from './options.ts';
import { report } from './report.ts';
import { shield, unshield } from './shield.ts';
import { checkUsage } from './usage.ts';
import type { Verb } from './verb.ts';
import { globalOptions, verbs } from './verbs.ts';
import { firstOperand, isGroup, joinVerb } from './verbWords.ts';

interface Parsed {
  verb: Verb | null;
  args: string[];
  options: Record<string, unknown>;
}

function parse(argv: readonly string[]): Parsed {
  const program = cac('flotilla');
  const words = joinVerb(argv);
  const asked = verbs.find(({ name }) => name === words[firstOperand(words)]);
  for (const [flags, description] of globalOptions) {
    if (!asked?.options.some(([own]) => longName(own) === longName(flags))) program.option(flags, description);
  }
  // What was not asked for need not be known: cac reads the words once for each command that it knows.
  for (const verb of asked ? [asked] : verbs) {
    const command = program.command(`${verb.name} ${verb.args}`.trim(), verb.summary);
    for (const [flags, description] of verb.options) command.option(flags, description);
  }
  const { args, options } = program.parse(['node', 'flotilla', ...shield(words)], { run: false });
  const { '--': _, ...given } = options;
  const verb = verbs.find(({ name }) => name === program.matchedCommandName) ?? null;
  return { verb, args: unshield([...args]), options: mapValues(given, unshield) };
}

/** `-v, --version <number>`: `--version`. An option of a verb goes before one that every verb has. */
function longName(flags: string): string | undefined {
  return /--[a-z-]+/.exec(flags)?.[0];
}

function mapValues<T>(record: Record<string, T>, map: (value: T) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}

async function run(io: Io): Promise<number> {
  const { verb: named, args, options } = parse(process.argv.slice(2));
  const verb = named ?? (options.version === true ? findVerb('version') : null);
  if (options.help === true) {
    io.out(verb === null ? helpFor(args) : renderVerbHelp(verb));
    return exitCode.done;
  }
  if (verb === null) return withoutVerb(io, args);
  checkUsage(verb, args, options);
  const runVerb = await verb.load();
  const loadIds = async () => (await import('nanoid')).nanoid;
  return await runVerb({ args, options: new Options(options), io, loadIds });
}

function withoutVerb(io: Io, args: readonly string[]): number {
  const [name] = args;
  if (name !== undefined && !isGroup(name)) findVerb(name);
  io.err(helpFor(args));
  return exitCode.usage;
}

function helpFor([name]: readonly string[]): string {
  return name !== undefined && isGroup(name) ? renderGroupHelp(name) : renderHelp();
}

const io = createProcessIo();
// Whoever reads our output may have seen enough: `flotilla events | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? 0 : exitCode.failed),
);
try {
  process.exitCode = await run(io);
} catch (error) {
  // What failed may have left something under way, such as a connection that nobody answers: it must not hold us up.
  process.exit(report(io, error));
}
