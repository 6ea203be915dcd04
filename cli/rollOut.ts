/** Replacing units that run, a few at a time: `start --replace --max-unavailable`. */
import { delay } from '../shared/clock/clock.ts';
import { systemClock } from '../shared/clock/systemClock.ts';
import type { RolloutOutcome } from '../shared/domain/rollout.ts';
import type { NamedUnit } from '../shared/protocol/commands.ts';
import type { RolloutProgress } from '../shared/protocol/queries.ts';
import type { Client } from './client.ts';
import { demand } from './demand.ts';
import { FailureError, UsageError } from './errors.ts';
import type { Io } from './io.ts';
import type { Options } from './options.ts';
import { count } from './words.ts';

const pollMs = 300;
const defaultSettleSeconds = 5;
const most = { unavailable: 10_000, settleSeconds: 86_400 };

export interface RollingWish {
  maxUnavailable: number;
  settleMs: number;
  timeoutMs: number;
}

/** @throws {UsageError} what only makes sense together was not given together. */
export function rollingWish(options: Options, timeoutS: number): RollingWish | undefined {
  const maxUnavailable = options.count('maxUnavailable', { min: 1, max: most.unavailable });
  const settleS = options.count('settle', { min: 0, max: most.settleSeconds });
  if (maxUnavailable === undefined) {
    if (settleS !== undefined) throw new UsageError('--settle goes with --max-unavailable');
    return undefined;
  }
  if (!options.flag('replace')) throw new UsageError('--max-unavailable goes with --replace');
  if (timeoutS < 1) throw new UsageError('--timeout has to leave a unit at least 1 s with --max-unavailable');
  return { maxUnavailable, settleMs: 1_000 * (settleS ?? defaultSettleSeconds), timeoutMs: 1_000 * timeoutS };
}

/** Begins it; the cluster goes on with it whether somebody waits or not. Returns the sequence that contains its begin. */
export function beginRollout(
  client: Client,
  { units, rolling, allowUnsupported }: { units: NamedUnit[]; rolling: RollingWish; allowUnsupported: boolean },
): Promise<number> {
  const wishes = { replace: true, ...(allowUnsupported ? { allowUnsupported } : {}) };
  return demand(client, { type: 'StartUnits', units, rolling, ...wishes });
}

interface Sent {
  names: string[];
  minSeq: number;
}

/**
 * Tells how it goes until it is over, where any of the units had to be replaced.
 * @throws {FailureError} a unit failed, and all have their old version again; or somebody stopped it.
 */
export async function awaitRollout(client: Client, io: Io, sent: Sent): Promise<void> {
  const end = await awaitEnd(client, io, sent);
  if (end === null) return;
  const { outcome, reason, units } = end;
  if (outcome === 'rolled-back')
    throw new FailureError(`the units have their old version: ${reason}`, { details: [look] });
  if (outcome === 'stopped') throw new FailureError(`the replacement was stopped: ${reason}`, { details: [look] });
  io.out(`${count(units, 'unit')} replaced`);
}

/** Waits until the units of a replacement have their old version again. */
export async function awaitRollback(client: Client, io: Io, sent: Sent): Promise<void> {
  const end = await awaitEnd(client, io, sent);
  if (end?.outcome === 'rolled-back') io.out(`${count(end.units, 'unit')} as before`);
}

/** Null: none of the units is, or was, part of one. */
async function awaitEnd(
  client: Client,
  io: Io,
  sent: Sent,
): Promise<{ outcome: RolloutOutcome; reason: string; units: number } | null> {
  const member = await findMember(client, sent);
  if (member === null) return null;
  const told = new Set<string>();
  for (;;) {
    const { data } = await client.query({ type: 'GetRollout', unit: member }, { minSeq: sent.minSeq });
    const { turned, ended } = data.rollout ?? {};
    if (turned !== undefined && !told.has('turned')) {
      io.err(`${turned}: the units that were replaced get their old version back`);
      told.clear();
      told.add('turned');
    }
    tellSteps(io, data, told);
    if (data.rollout === undefined || ended !== undefined) {
      io.progress(null);
      const { outcome = 'replaced', reason = '' } = ended ?? {};
      return { outcome, reason, units: data.units.length };
    }
    await delay(systemClock, pollMs);
  }
}

async function findMember(client: Client, { names, minSeq }: Sent): Promise<string | null> {
  for (const unit of names) {
    const { data } = await client.query({ type: 'GetRollout', unit }, { minSeq });
    if (data.rollout !== undefined) return unit;
  }
  return null;
}

function tellSteps(io: Io, { units, rollout }: RolloutProgress, told: Set<string>): void {
  const done = units.filter(({ step }) => step === 'done' || step === 'other');
  const busy = units.filter(({ step }) => step === 'changing' || step === 'settling');
  if (rollout?.turned === undefined) {
    for (const { unit } of done.filter((one) => one.step === 'done' && !told.has(one.unit))) {
      told.add(unit);
      io.out(`${unit}: replaced, and well`);
    }
  }
  const now = busy.map(({ unit, step }) => `${unit} (${step})`).join(', ');
  io.progress(`${done.length} of ${units.length} done${now === '' ? '' : `; ${now}`}`);
}

const look = 'see: flotilla journal UNIT; flotilla history UNIT has both versions';
