/** What the verbs that change units have in common: send, wait for the effect, say it. */
import { systemClock } from '../shared/clock/systemClock.ts';
import type { CommandReply, NamedUnit, RawUnitCommand } from '../shared/protocol/commands.ts';
import type { Awaited as Aim } from '../shared/protocol/queries.ts';
import { awaitSteady, awaitUnits } from './awaitUnits.ts';
import { type Client, withClient } from './client.ts';
import { findCompanions } from './companions.ts';
import { exitCode, FailureError, UsageError } from './errors.ts';
import type { Io } from './io.ts';
import type { Options } from './options.ts';
import { describeOutcome, describeReload } from './outcome.ts';
import { awaitRollout, beginRollout, type RollingWish, rollingWish } from './rollOut.ts';
import { findUnits } from './unitFiles.ts';
import { expandBraces, isGlob, resolveUnits } from './unitNames.ts';
import type { Invocation } from './verb.ts';

type CommandType = RawUnitCommand['type'];

export interface UnitVerb {
  type: CommandType;
  /** What to wait for; null: there is nothing to wait for, it is so already. */
  until: Aim | null;
}

/** Longer than the 90 s that a unit may take to stop by default (systemd-system.conf(5)). */
const defaultTimeoutSeconds = 120;
const longestTimeoutSeconds = 86_400;
/** What one message takes: NATS allows 1 MiB unless it is told otherwise, and JSON makes a text longer. */
const chunkLimit = { units: 200, bytes: 256 * 1024 };

/** For verbs that take unit files: `submit`, `load`, `start`. */
export async function runBringing(call: Invocation, verb: UnitVerb): Promise<number> {
  const timeoutS = timeoutOf(call.options);
  const words = call.args.flatMap(expandBraces);
  // A glob means units that the cluster knows: for files the shell has resolved it.
  const options = { allowUnsupported: call.options.flag('allowUnsupported') };
  const named = words.filter((word) => !isGlob(word));
  const found = await findUnits(named, options);
  const files = found.map((unit, index) => ({ ...unit, typed: named[index] ?? unit.name }));
  return withClient(call, async (client) => {
    const known = await resolveUnits(client, words.filter(isGlob), { withTemplates: verb.type === 'SubmitUnits' });
    const units = [...files.map(({ typed: _, ...unit }) => unit), ...known.map((name) => ({ name }))];
    const companions = verb.type === 'SubmitUnits' ? [] : await findCompanions(client, files, options);
    if (companions.length > 0) await sendAll(call, client, 'SubmitUnits', companions);
    for (const { name } of companions) call.io.out(`${name}: submitted along`);
    return runVerb(call, client, { ...verb, units, timeoutS });
  });
}

/** For verbs on units that the cluster knows: `stop`, `unload`, `destroy`, `restart`, `reload`. */
export async function runOnKnown(call: Invocation, verb: UnitVerb): Promise<number> {
  const timeoutS = timeoutOf(call.options);
  return withClient(call, async (client) => {
    const names = await resolveUnits(client, call.args, { withTemplates: verb.type === 'DestroyUnits' });
    const units = names.map((name) => ({ name }));
    return runVerb(call, client, { ...verb, units, timeoutS });
  });
}

/** How long fleetctl makes one of its attempts last. */
const attemptSeconds = 2;

/** `--timeout`, seconds; or fleetctl's way to say it: `--block-attempts`, where 0 is for ever. */
export function timeoutOf(options: Options): number {
  const attempts = options.count('blockAttempts', { min: 0, max: longestTimeoutSeconds / attemptSeconds });
  if (attempts !== undefined) return attempts === 0 ? longestTimeoutSeconds : attempts * attemptSeconds;
  return options.count('timeout', { min: 0, max: longestTimeoutSeconds }) ?? defaultTimeoutSeconds;
}

interface Request extends UnitVerb {
  units: NamedUnit[];
  timeoutS: number;
}

async function runVerb(call: Invocation, client: Client, request: Request): Promise<number> {
  const { io, options } = call;
  const { type, until, units } = request;
  const rolling = rollingWish(options, request.timeoutS);
  if (rolling) return rollOut(call, client, request, rolling);
  const minSeq = await sendAll(call, client, type, units);
  const names = [...new Set(units.map(({ name }) => name))];
  if (until !== null && !options.flag('block')) {
    for (const name of names) io.out(`${name}: accepted`);
    return exitCode.done;
  }
  return tellEffect(io, client, request, { names, minSeq });
}

async function rollOut(call: Invocation, client: Client, request: Request, rolling: RollingWish): Promise<number> {
  const { io, options } = call;
  const { units } = request;
  if (chunksOf(units).length > 1) {
    throw new UsageError(
      `--max-unavailable takes up to ${chunkLimit.units} units with ${chunkLimit.bytes} bytes at once`,
    );
  }
  const minSeq = await beginRollout(client, { units, rolling, allowUnsupported: options.flag('allowUnsupported') });
  const names = [...new Set(units.map(({ name }) => name))];
  if (!options.flag('block')) {
    for (const name of names) io.out(`${name}: accepted`);
    return exitCode.done;
  }
  await awaitRollout(client, io, { names, minSeq });
  return tellEffect(io, client, request, { names, minSeq });
}

/** Waits until what was wished is so, or time is up, and says how it is then. */
export async function tellEffect(
  io: Io,
  client: Client,
  { type, until, timeoutS }: Pick<Request, 'until' | 'timeoutS'> & { type?: CommandType },
  sent: { names: string[]; minSeq: number },
): Promise<number> {
  const timeoutMs = until === null ? 0 : timeoutS * 1000;
  const onProgress = (line: string) => io.progress(line);
  const wait = { ...sent, until: until ?? 'inactive', timeoutMs, clock: systemClock, onProgress };
  const found = until === 'launched' ? await awaitSteady(client, wait) : await awaitUnits(client, wait);
  io.progress(null);
  const outcomes = found.map((unit) =>
    type === 'ReloadUnits' && unit.settled ? describeReload(unit) : describeOutcome(unit, until, timeoutS),
  );
  for (const { ok, lines } of outcomes) for (const line of lines) (ok ? io.out : io.err)(line);
  return outcomes.every(({ ok }) => ok) ? exitCode.done : exitCode.failed;
}

/** Sends as many units at once as a message takes. Returns the sequence that contains the effect of all. */
async function sendAll(call: Invocation, client: Client, type: CommandType, units: NamedUnit[]): Promise<number> {
  const { io, options } = call;
  const wishes = {
    ...(options.flag('replace') ? { replace: true } : {}),
    ...(options.flag('allowUnsupported') ? { allowUnsupported: true } : {}),
  };
  let seq = 0;
  let accepted = 0;
  for (const chunk of chunksOf(units)) {
    const reply = await client.command({ type, units: chunk, ...wishes });
    if (!reply.ok) throw refusal(reply, filesMissing(type, chunk), { accepted, total: units.length });
    for (const warning of reply.warnings ?? []) io.err(warning);
    seq = Math.max(seq, reply.seq);
    accepted += chunk.length;
  }
  return seq;
}

/** Units whose file was looked for here in vain. */
function filesMissing(type: CommandType, units: readonly NamedUnit[]): string[] {
  const lookedFor = type === 'SubmitUnits' || type === 'LoadUnits' || type === 'StartUnits';
  return lookedFor ? units.filter(({ text }) => text === undefined).map(({ name }) => name) : [];
}

function refusal(
  { code, message, details }: Extract<CommandReply, { ok: false }>,
  missing: readonly string[],
  { accepted, total }: { accepted: number; total: number },
): FailureError {
  const isMissing = code === 'unit-not-found' && missing.length > 0;
  const hint = isMissing ? [`no unit file was found here for ${missing.join(', ')}`] : [];
  const before = accepted === 0 ? [] : [`the first ${accepted} of ${total} units had been accepted before`];
  return new FailureError(message, { details: [...details, ...hint, ...before] });
}

/** In the order given, each chunk within {@link chunkLimit} unless a single unit is larger. */
export function chunksOf(units: readonly NamedUnit[], limit = chunkLimit): NamedUnit[][] {
  const chunks: NamedUnit[][] = [];
  let bytes = 0;
  for (const unit of units) {
    const size = unit.name.length + Buffer.byteLength(unit.text ?? '');
    const current = chunks.at(-1);
    if (current !== undefined && current.length < limit.units && bytes + size <= limit.bytes) {
      current.push(unit);
      bytes += size;
    } else {
      chunks.push([unit]);
      bytes = size;
    }
  }
  return chunks;
}
