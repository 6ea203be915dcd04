/** The history in words: one line an event. */
import pc from 'picocolors';
import type { DrainMode, Event } from '../shared/domain/events.ts';
import { describeRejected } from '../shared/domain/views.ts';
import { type Caused, type Commit, causeOf } from '../shared/protocol/commit.ts';
import { formatMetadata } from './render.ts';
import { shortHash, shortId, stateOf } from './words.ts';

/** `2025-11-23 14:00:01.250  #42  scheduler/x1  web.service placed on 113f16a7…: it was started (StartUnits by a@b)`. */
export function renderEvent(commit: Commit, seq: number, event: Caused<Event>, colour: boolean): string {
  const { dim } = pc.createColors(colour);
  const head = `${formatTime(commit.at)}  #${seq}  ${shortWriter(commit.by)}`;
  const what = describeEvent(event);
  const cause = describeCause(commit, event);
  const isNews = cause !== '' && !what.endsWith(cause);
  return `${dim(head)}  ${paint(event, what, colour)}${isNews ? dim(` (${cause})`) : ''}`;
}

/** Local time, to the millisecond. */
export function formatTime(at: number): string {
  const date = new Date(at);
  const two = (number: number) => String(number).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day} ${time}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

function shortWriter(by: string): string {
  const slash = by.indexOf('/');
  return slash < 0 ? by : `${by.slice(0, slash)}/${shortId(by.slice(slash + 1))}`;
}

/** The command that led to it and who gave it; else what the commit says of itself. */
function describeCause(commit: Commit, event: Caused<Event>): string {
  const cause = causeOf(commit, event);
  const command = commit.commands?.find(({ id }) => id === cause);
  return command ? `${command.type} by ${shortWriter(command.by)}` : cause;
}

/** What happened, to what, why. */
export function describeEvent(event: Event): string {
  switch (event.type) {
    case 'LeaderElected':
      return `scheduler ${event.leader} leads (epoch ${event.epoch})`;
    case 'MachineJoined':
      return `machine ${shortId(event.machine)} joined (${event.hostname}, ${event.ip}; ${event.runtimes.join(', ')})`;
    case 'MachineMetadataChanged':
      return `machine ${shortId(event.machine)} has the metadata ${formatMetadata(event.metadata) || '(none)'}`;
    case 'MachineCordoned':
      return `machine ${shortId(event.machine)} ${describeCordon(event.drain)}${because(event.reason)}`;
    case 'MachineUncordoned':
      return `machine ${shortId(event.machine)} takes new units again`;
    case 'MachineDrained':
      return `machine ${shortId(event.machine)} is drained: no unit is placed there any more`;
    case 'RolloutStarted':
      return `${event.units.map(({ name }) => name).join(' ')} shall be replaced, ${event.maxUnavailable} at a time`;
    case 'RolloutStepped':
      return describeStep(event);
    case 'RolloutUnitsWell':
      return `${event.units.map(({ unit }) => unit).join(' ')} seen well`;
    case 'RolloutTurned':
      return `the old versions come back: ${event.reason}`;
    case 'RolloutEnded':
      return `a rollout is over (${event.outcome})${because(event.reason)}`;
    case 'RebalanceStarted':
      return `units are rebalanced, in ${event.maxMoves} moves at most${because(event.reason)}`;
    case 'RebalanceEnded':
      return `the rebalance is over after ${event.moves} moves${because(event.reason)}`;
    case 'MachineLost':
      return `machine ${shortId(event.machine)} lost: ${event.reason}`;
    case 'MachineForgotten':
      return `machine ${shortId(event.machine)} is forgotten${because(event.reason)}`;
    case 'MachineLeft':
      return `machine ${shortId(event.machine)} left: ${event.reason}`;
    case 'NodeSynced':
      return `node of ${shortId(event.machine)} tells all its units anew${because(event.reason)}`;
    case 'UnitStateReported':
      return `${event.unit} ${stateOf(event)} on ${shortId(event.machine)}${because(event.reason)}`;
    case 'UnitCommandRun':
      return `${event.by} ran ${event.argv.join(' ')} in ${event.unit} on ${shortId(event.machine)}`;
    case 'UnitStateForgotten':
      return `${event.unit} gone from ${shortId(event.machine)}${because(event.reason)}`;
    default:
      return describeUnitEvent(event);
  }
}

function describeCordon(drain: DrainMode): string {
  if (drain === 'no') return 'takes no new units';
  return `takes no new units, and those it has are moved ${drain === 'at-once' ? 'all at once' : 'one by one'}`;
}

type UnitEvent = Exclude<
  Extract<Event, { unit: string }>,
  { type: 'UnitStateReported' | 'UnitStateForgotten' | 'UnitCommandRun' }
>;

function describeUnitEvent(event: UnitEvent): string {
  const { unit } = event;
  switch (event.type) {
    case 'UnitSubmitted':
      return `${unit} submitted (hash ${shortHash(event.hash)})${ignoring(event.unsupported)}`;
    case 'UnitDestroyed':
      return `${unit} destroyed`;
    case 'UnitLaunchRequested':
      return `${unit} shall be launched${because(event.reason ?? '')}`;
    case 'UnitLoadRequested':
      return `${unit} shall be loaded${because(event.reason ?? '')}`;
    case 'UnitUnloadRequested':
      return `${unit} shall be unloaded`;
    case 'UnitRestartRequested':
      return `${unit} shall be restarted${because(event.reason ?? '')}`;
    case 'UnitReloadRequested':
      return `${unit} shall read its configuration anew${because(event.reason ?? '')}`;
    case 'UnitTriggered':
      return describeTrigger(event);
    case 'UnitPlaced':
      return `${unit} placed on ${shortId(event.machine)}${because(event.reason)}${passedOver(event.rejected)}${after(event.awaits)}`;
    case 'UnitAwaitEnded':
      return `${unit} need not wait for its copy on ${shortId(event.machine)} any longer${because(event.reason)}`;
    case 'UnitEvicted':
      return `${unit} ${event.move ? 'moved away' : 'evicted'} from ${shortId(event.machine)}${because(event.reason)}`;
    case 'UnitLeaseEnded':
      return `${unit} cannot run on ${shortId(event.machine)} any more${because(event.reason)}`;
    case 'UnitMayReturn':
      return `${unit} may run on ${shortId(event.machine)} again`;
    case 'UnitFailsNoMore':
      return `${unit} does not fail any more`;
    case 'UnitLeftWaiting':
      return `${unit} ${describeWaiting(event)}`;
    default:
      return event satisfies never;
  }
}

/** Units that run on every machine wait for further ones; what was written before `places` was told may be of such a unit. */
function describeWaiting({ rejected, places }: Extract<Event, { type: 'UnitLeftWaiting' }>): string {
  const isEverywhere = Object.keys(rejected).length === 0;
  if (places === undefined) return `finds no (further) machine: ${describeRejected(rejected)}`;
  if (places === 0) return `finds no machine: ${describeRejected(rejected)}`;
  const on = `is on ${places} machine${places === 1 ? '' : 's'}`;
  return isEverywhere ? `${on}: on all that are ready` : `${on}, and not on ${describeRejected(rejected)}`;
}

function because(reason: string): string {
  return reason === '' ? '' : `: ${reason}`;
}

function passedOver(rejected: Readonly<Record<string, number>>): string {
  return Object.keys(rejected).length === 0 ? '' : `; passed over ${describeRejected(rejected)}`;
}

function after(awaits: string | undefined): string {
  return awaits === undefined ? '' : `; starts when its copy on ${shortId(awaits)} has ended`;
}

function paint(event: Event, text: string, colour: boolean): string {
  const { red, green, yellow, cyan } = pc.createColors(colour);
  switch (event.type) {
    case 'MachineLost':
    case 'UnitEvicted':
      return red(text);
    case 'UnitLeftWaiting':
      return event.places ? text : yellow(text);
    case 'MachineLeft':
    case 'MachineCordoned':
      return yellow(text);
    case 'MachineJoined':
    case 'LeaderElected':
      return cyan(text);
    case 'UnitPlaced':
      return green(text);
    case 'UnitStateReported':
      return event.active === 'failed' ? red(text) : event.active === 'active' ? green(text) : text;
    default:
      return text;
  }
}

function describeTrigger({
  unit,
  kind,
  result,
  starts,
  refused = {},
}: Extract<Event, { type: 'UnitTriggered' }>): string {
  const how = { OnFailure: `has failed (${result})`, OnSuccess: 'has ended', Activated: 'was started by another unit' }[
    kind
  ];
  const who = kind === 'Activated' ? 'it' : `${kind}=`;
  const started = starts.filter((name) => !Object.hasOwn(refused, name));
  const what = started.length > 0 ? [`${who} starts ${started.join(' ')}`] : [];
  const not = Object.entries(refused).map(([name, why]) => `${who} cannot start ${name}: ${why}`);
  return `${unit} ${how}: ${[...what, ...not].join('; ')}`;
}

function describeStep({ units, refused = {} }: Extract<Event, { type: 'RolloutStepped' }>): string {
  const given = units.length > 0 ? [`${units.join(' ')} replaced as their rollout goes on`] : [];
  const not = Object.entries(refused).map(([name, why]) => `${name} cannot be replaced: ${why}`);
  return [...given, ...not].join('; ');
}

function ignoring(unsupported: readonly string[] = []): string {
  if (unsupported.length === 0) return '';
  return `, its sender allows to ignore ${unsupported.map((name) => `${name}=`).join(' ')}`;
}
