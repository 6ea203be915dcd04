/** The history in words: one line an event. */
import pc from 'picocolors';
import type { Event } from '../shared/domain/events.ts';
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
    case 'MachineLost':
      return `machine ${shortId(event.machine)} lost: ${event.reason}`;
    case 'MachineLeft':
      return `machine ${shortId(event.machine)} left: ${event.reason}`;
    case 'NodeSynced':
      return `node of ${shortId(event.machine)} tells all its units anew${because(event.reason)}`;
    case 'UnitStateReported':
      return `${event.unit} ${stateOf(event)} on ${shortId(event.machine)}${because(event.reason)}`;
    case 'UnitStateForgotten':
      return `${event.unit} gone from ${shortId(event.machine)}${because(event.reason)}`;
    default:
      return describeUnitEvent(event);
  }
}

type UnitEvent = Exclude<Extract<Event, { unit: string }>, { type: 'UnitStateReported' | 'UnitStateForgotten' }>;

function describeUnitEvent(event: UnitEvent): string {
  const { unit } = event;
  switch (event.type) {
    case 'UnitSubmitted':
      return `${unit} submitted (hash ${shortHash(event.hash)})`;
    case 'UnitDestroyed':
      return `${unit} destroyed`;
    case 'UnitLaunchRequested':
      return `${unit} shall be launched`;
    case 'UnitLoadRequested':
      return `${unit} shall be loaded`;
    case 'UnitUnloadRequested':
      return `${unit} shall be unloaded`;
    case 'UnitRestartRequested':
      return `${unit} shall be restarted`;
    case 'UnitPlaced':
      return `${unit} placed on ${shortId(event.machine)}${because(event.reason)}${passedOver(event.rejected)}`;
    case 'UnitEvicted':
      return `${unit} evicted from ${shortId(event.machine)}${because(event.reason)}`;
    case 'UnitLeftWaiting':
      return `${unit} finds no machine: ${describeRejected(event.rejected)}`;
    default:
      return event satisfies never;
  }
}

function because(reason: string): string {
  return reason === '' ? '' : `: ${reason}`;
}

function passedOver(rejected: Readonly<Record<string, number>>): string {
  return Object.keys(rejected).length === 0 ? '' : `; passed over ${describeRejected(rejected)}`;
}

function paint(event: Event, text: string, colour: boolean): string {
  const { red, green, yellow, cyan } = pc.createColors(colour);
  switch (event.type) {
    case 'MachineLost':
    case 'UnitEvicted':
      return red(text);
    case 'UnitLeftWaiting':
    case 'MachineLeft':
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
