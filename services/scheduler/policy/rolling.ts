import type { ClusterState, UnitRecord } from '../../../shared/domain/clusterState.ts';
import type { ClusterEvent, ReportedState } from '../../../shared/domain/events.ts';
import { isRejection } from '../../../shared/domain/rejection.ts';
import type { Rollout } from '../../../shared/domain/rollout.ts';
import { decideUnits, isWell } from '../../../shared/domain/unit.ts';
import type { RolloutStep } from '../../../shared/protocol/queries.ts';
import type { Work } from './work.ts';

/** A commit has to carry what a step replaces. */
const mostStepUnits = 50;
const mostStepText = 200_000;

/**
 * Takes each rolling replacement one step further: units get their new version, as many at once as may be down, and the
 * next ones when those before are well and have been for a while. When one fails, those that were changed get their old
 * version back in the same way. It looks at what is on the log, so that it goes on under the next leader.
 */
export function rollOut(work: Work): void {
  for (const [id, rollout] of [...work.state.rollouts.entries()]) {
    if (rollout.ended === undefined && !work.isFull) advance(work, id, rollout);
  }
}

export interface UnitProgress {
  unit: string;
  step: RolloutStep;
  /** Why it failed. */
  why?: string;
  /** The states (their `since`) in which it is well; undefined: it is not. */
  wellSince?: number | undefined;
}

/** How far each unit is, by name. */
export function progressOf(state: ClusterState, rollout: Rollout, at: number): UnitProgress[] {
  return Object.keys(rollout.versions)
    .sort()
    .map((unit) => ({ unit, ...stepOf(state, rollout, unit, at) }));
}

function advance(work: Work, id: string, rollout: Rollout): void {
  const { at } = work.moment;
  const units = progressOf(work.state, rollout, at);
  const failed = units.find(({ step }) => step === 'failed');
  if (failed && rollout.turned === undefined) {
    const reason = `${failed.unit} ${failed.why}`;
    work.apply({ type: 'RolloutTurned', rollout: id, reason });
    return advance(work, id, work.state.rollouts.get(id) ?? rollout);
  }
  noteWell(work, id, rollout, units);
  const down = units.filter(({ step }) => step === 'down').map(({ unit }) => unit);
  const busy = units.filter(({ step }) => step === 'changing' || step === 'settling').length;
  const room = Math.max(0, rollout.maxUnavailable - busy - down.length);
  const up = units.filter(({ step }) => step === 'waiting').map(({ unit }) => unit);
  const next = [...down.slice(0, Math.max(0, rollout.maxUnavailable - busy)), ...up.slice(0, room)];
  if (next.length > 0) return stepOn(work, id, rollout, next);
  if (busy + down.length + up.length > 0) return;
  const { turned, refused = {} } = rollout;
  if (turned === undefined) {
    return work.apply({ type: 'RolloutEnded', rollout: id, outcome: 'replaced', reason: 'all units are well' });
  }
  const left = units.flatMap(({ unit, why }) =>
    Object.hasOwn(refused, unit) && why !== undefined ? [`${unit} ${why}`] : [],
  );
  work.apply({ type: 'RolloutEnded', rollout: id, outcome: 'rolled-back', reason: [turned, ...left].join('; ') });
}

function noteWell(work: Work, id: string, rollout: Rollout, units: UnitProgress[]): void {
  const news = units.flatMap(({ unit, step, wellSince }) =>
    step === 'settling' && wellSince !== undefined && rollout.well[unit]?.since !== wellSince
      ? [{ unit, since: wellSince }]
      : [],
  );
  if (news.length > 0) work.apply({ type: 'RolloutUnitsWell', rollout: id, units: news });
}

/**
 * Gives these units the version that they are to have, as many as a commit takes. It may be refused, though all of them
 * together were not: beside the others' versions of now, or what has come since, it may be impossible.
 */
function stepOn(work: Work, id: string, rollout: Rollout, names: string[]): void {
  const submissions = names.flatMap((name) => versionFor(rollout, name)?.target ?? []);
  let text = 0;
  const step = submissions.filter((submission, index) => {
    text += submission.text.length;
    return index === 0 || (index < mostStepUnits && text <= mostStepText);
  });
  const given: string[] = [];
  const refused: Record<string, string> = {};
  for (const submission of step) {
    const { name } = submission;
    const events = decideUnits(work.state, { type: 'SubmitUnits', units: [{ name, submission }], replace: true });
    if (isRejection(events)) {
      refused[name] = [events.message, ...events.details].join('; ');
      continue;
    }
    given.push(name);
    for (const event of events) if (isStep(event)) work.apply(event);
  }
  const isRefusal = given.length < step.length;
  work.apply({ type: 'RolloutStepped', rollout: id, units: given, ...(isRefusal ? { refused } : {}) });
}

/** What comes with a new version of a unit that is launched. */
type StepEvent = Extract<
  ClusterEvent,
  { type: 'UnitSubmitted' | 'UnitEvicted' | 'UnitLoadRequested' | 'UnitLaunchRequested' }
>;

const stepTypes = new Set([
  'UnitSubmitted',
  'UnitEvicted',
  'UnitLoadRequested',
  'UnitLaunchRequested',
] satisfies StepEvent['type'][]) as ReadonlySet<string>;

function isStep(event: ClusterEvent): event is StepEvent {
  return stepTypes.has(event.type);
}

function versionFor(rollout: Rollout, unit: string) {
  const version = rollout.versions[unit];
  if (version === undefined) return undefined;
  const { before, after } = version;
  return rollout.turned === undefined ? { target: after, other: before } : { target: before, other: after };
}

function stepOf(state: ClusterState, rollout: Rollout, name: string, at: number): Omit<UnitProgress, 'unit'> {
  const unit = state.units.get(name);
  const version = versionFor(rollout, name);
  if (!unit || !version || unit.desired !== 'launched') return { step: 'other' };
  const wellSince = wellSinceOf(state, unit);
  if (unit.hash === version.other.hash) {
    const refusal = rollout.refused?.[name];
    if (refusal !== undefined)
      return failed(rollout, `cannot have its ${rollout.turned === undefined ? 'new' : 'old'} version: ${refusal}`);
    return { step: wellSince === undefined ? 'down' : 'waiting' };
  }
  if (unit.hash !== version.target.hash) return { step: 'other' };
  const changed = rollout.changed[name];
  // On the way back: it was never changed, or another one failed before its turn had come.
  if (changed === undefined) return { step: 'done' };
  const trouble = troubleOf(state, unit);
  if (trouble !== null) return failed(rollout, trouble);
  const isLate = at - changed >= rollout.timeoutMs + rollout.settleMs;
  if (wellSince === undefined) {
    const late = `was not well within ${rollout.timeoutMs / 1000} s of its new version`;
    return at - changed >= rollout.timeoutMs ? failed(rollout, late) : { step: 'changing' };
  }
  const seen = rollout.well[name];
  const isSettled = seen?.since === wellSince && at - seen.at >= rollout.settleMs;
  if (isSettled) return { step: 'done' };
  const restless = `was not well for ${rollout.settleMs / 1000} s without a change`;
  return isLate && seen?.since !== wellSince ? failed(rollout, restless) : { step: 'settling', wellSince };
}

/** On the way back nothing better can be done for it. */
function failed(rollout: Rollout, why: string): Omit<UnitProgress, 'unit'> {
  return rollout.turned === undefined ? { step: 'failed', why } : { step: 'done', why };
}

/** When the last of its copies came to be as it is; undefined where one is not well. */
function wellSinceOf(state: ClusterState, unit: UnitRecord): number | undefined {
  const reports = reportsOf(state, unit);
  const isAllWell = reports.length > 0 && reports.every((report) => isWell(unit, report));
  return isAllWell ? Math.max(...reports.map((report) => report?.since ?? 0)) : undefined;
}

function troubleOf(state: ClusterState, unit: UnitRecord): string | null {
  for (const report of reportsOf(state, unit)) {
    if (!report || report.goal < unit.goal) continue;
    if (report.load === 'error') return `cannot be loaded: ${report.reason}`;
    if (report.active === 'failed') return `failed (${report.result})`;
    if (report.active === 'active' && report.health === 'unhealthy') return 'is unhealthy';
  }
  const isHomeless = !unit.placement.global && Object.keys(unit.machines).length === 0;
  return isHomeless && state.waiting.has(unit.name) ? 'finds no machine' : null;
}

function reportsOf(state: ClusterState, unit: UnitRecord): (ReportedState | undefined)[] {
  return Object.keys(unit.machines).map((machine) => state.reports.get(machine)?.get(unit.name));
}
