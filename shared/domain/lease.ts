/**
 * `[X-Flotilla] OnDisconnect=stop`: how long a machine that nobody hears may go on running a unit, and how long everybody
 * else waits until it certainly does not. docs/partitions.md has the arithmetic.
 */
import type { DirectiveReader } from './directiveReader.ts';
import { parseTimeSpan } from './timeSpan.ts';
import type { ServiceSpec } from './unitSpec.ts';
import { type Parsed, parseChoice } from './values.ts';

export interface LeaseTerms {
  /** From the last renewal the unit may run for so long, ms; then it is stopped. */
  graceMs: number;
  /** Stopping may take so long, ms; then it is killed. */
  stopMs: number;
}

const section = 'X-Flotilla';
const defaultGraceMs = 10_000;
const leastGraceMs = 1_000;
/** Of a unit that may take longer to stop, the rest is cut off: nobody should wait for a machine that is gone so long. */
const mostStopMs = 10_000;
/** What is killed is gone within this long, ms. */
const killMarginMs = 1_000;
/** A leader’s answer renews leases only if a proof that it leads was begun no longer ago than this, ms: slow links included. */
export const leaseProofMs = 3_000;
/** Clocks may run too fast or too slow by this share. */
const drift = 0.01;

/** Undefined: the unit runs on when its machine is cut off. */
export function readLease(reader: DirectiveReader, service: ServiceSpec): LeaseTerms | undefined {
  const policy = reader.value(section, 'OnDisconnect', parseChoice('keep', 'stop'), 'keep');
  const graceMs = reader.value(section, 'DisconnectGraceSec', parseGrace, defaultGraceMs);
  const grace = reader.last(section, 'DisconnectGraceSec');
  if (policy === 'keep') {
    if (grace) reader.warn(grace, 'has no effect without OnDisconnect=stop');
    return undefined;
  }
  checkStoppable(reader, service);
  return { graceMs, stopMs: Math.min(service.timeoutStopMs ?? mostStopMs, mostStopMs) };
}

function parseGrace(text: string): Parsed<number> {
  const span = parseTimeSpan(text);
  if ('error' in span) return span;
  if (span.value === null || span.value < leastGraceMs) return { error: 'is no span of at least 1s' };
  return { value: span.value };
}

/** What may survive its stop cannot promise to be gone. */
function checkStoppable(reader: DirectiveReader, { killMode, sendSigkill, finalKillSignal }: ServiceSpec): void {
  const option = reader.last(section, 'OnDisconnect');
  if (!option) return;
  const reason = 'must be able to kill all that the unit runs, which it cannot with';
  if (killMode === 'none' || killMode === 'process') reader.fail(option, `${reason} KillMode=${killMode}`);
  if (!sendSigkill) reader.fail(option, `${reason} SendSIGKILL=no`);
  if (finalKillSignal !== 'SIGKILL') reader.fail(option, `${reason} FinalKillSignal=${finalKillSignal}`);
}

/** When the machine stops the unit, and when it kills it; `renewedAt` is when the heartbeat was *sent* that was answered. */
export function leaseDeadlines(renewedAt: number, { graceMs, stopMs }: LeaseTerms): { stopAt: number; killAt: number } {
  return { stopAt: renewedAt + graceMs, killAt: renewedAt + graceMs + stopMs };
}

/**
 * When a leader may be sure that the unit does not run there any more. `answeredAt` is when it, or a leader before it,
 * may have *answered* the machine last, which is after the heartbeat was sent; both clocks may be as wrong as they may.
 */
export function leaseOverAt(answeredAt: number, { graceMs, stopMs }: LeaseTerms): number {
  return answeredAt + ((graceMs + stopMs + killMarginMs) * (1 + drift)) / (1 - drift);
}

/** The longer of both, where copies may run under either. */
export function longerLease(a: LeaseTerms | undefined, b: LeaseTerms | undefined): LeaseTerms | undefined {
  if (!a || !b) return a ?? b;
  return { graceMs: Math.max(a.graceMs, b.graceMs), stopMs: Math.max(a.stopMs, b.stopMs) };
}
