/** The tables that people see, and the rows that programs get of the same data. */
import pc from 'picocolors';
import type { ActiveState } from '../shared/domain/events.ts';
import { withHealth } from '../shared/domain/health.ts';
import type { MachineView, UnitFileView, UnitStateView } from '../shared/domain/views.ts';
import { chooseColumns, type Fields, sortRows } from './fields.ts';
import type { Io } from './io.ts';
import type { Options } from './options.ts';
import { renderTable } from './table.ts';
import { placeOf, shortHash, shortId } from './words.ts';

export interface Look {
  full: boolean;
  colour: boolean;
}

export function lookOf(options: Options, io: Io): Look {
  return { full: options.flag('full'), colour: io.colour };
}

/** Prints rows as a table, or as JSON where `--json` was given. */
export function printRows<Row>(
  { io, options }: { io: Io; options: Options },
  rows: readonly Row[],
  { fields, asJson }: { fields: Fields<Row>; asJson: (row: Row) => object },
): void {
  const columns = chooseColumns(options, fields);
  const sorted = sortRows(options, rows, fields);
  if (options.flag('json')) return io.out(JSON.stringify(sorted.map(asJson)));
  const width = options.flag('full') ? null : io.columns;
  for (const line of renderTable(sorted, columns, { columns: width, legend: options.flag('legend') })) io.out(line);
}

export function unitFields({ full, colour }: Look): Fields<UnitStateView> {
  const paint = (text: string, row: UnitStateView) => paintActive(row.active, text, colour);
  return {
    columns: {
      unit: { head: 'UNIT', cell: (row) => row.unit },
      machine: { head: 'MACHINE', cell: (row) => placeOf(row, full) },
      load: { head: 'LOAD', cell: (row) => row.load },
      active: { head: 'ACTIVE', cell: (row) => row.active, paint },
      sub: { head: 'SUB', cell: (row) => withHealth(row.sub, row.health), paint },
      hash: { head: 'HASH', cell: (row) => (full ? row.hash : shortHash(row.hash)) },
    },
    shown: full ? ['unit', 'machine', 'load', 'active', 'sub', 'hash'] : ['unit', 'machine', 'active', 'sub'],
  };
}

export function unitJson({ unit, machine, load, active, sub, hash, health }: UnitStateView): object {
  return { unit, machine, load, active, sub, hash, ...(health === undefined ? {} : { health }) };
}

/** `ips`: addresses by machine id. */
export function unitFileFields({ full }: Look, ips: ReadonlyMap<string, string>): Fields<UnitFileView> {
  const targetCell = (row: UnitFileView) => target(row, full, ips);
  return {
    columns: {
      unit: { head: 'UNIT', cell: (row) => row.unit },
      hash: { head: 'HASH', cell: (row) => (full ? row.hash : shortHash(row.hash)) },
      dstate: { head: 'DSTATE', cell: (row) => row.desired },
      state: { head: 'STATE', cell: (row) => row.state },
      target: { head: 'TARGET', cell: targetCell },
      tmachine: { head: 'TMACHINE', cell: targetCell },
      global: { head: 'GLOBAL', cell: (row) => String(row.global) },
      desc: { head: 'DESC', cell: (row) => row.description },
    },
    shown: ['unit', 'hash', 'dstate', 'state', 'target'],
  };
}

function target({ global, machines }: UnitFileView, full: boolean, ips: ReadonlyMap<string, string>): string {
  if (global && !full) return `global (${machines.length})`;
  return machines.map((machine) => placeOf({ machine, ip: ips.get(machine) ?? null }, full)).join(',');
}

export function unitFileJson({ unit, hash, desired, state, machines, global }: UnitFileView): object {
  return { unit, hash, desired, state, machines, global };
}

export function machineFields({ full, colour }: Look): Fields<MachineView> {
  const paint = (text: string, row: MachineView) => paintMachine(row, text, colour);
  const usual = ['machine', 'ip', 'metadata', 'state', 'units'];
  return {
    columns: {
      machine: { head: 'MACHINE', cell: (row) => (full ? row.id : shortId(row.id)) },
      ip: { head: 'IP', cell: (row) => row.ip },
      metadata: { head: 'METADATA', cell: (row) => formatMetadata(row.metadata) },
      state: { head: 'STATE', cell: describeMachineState, paint },
      units: { head: 'UNITS', cell: (row) => String(row.units) },
      hostname: { head: 'HOSTNAME', cell: (row) => row.hostname },
      version: { head: 'VERSION', cell: (row) => row.version },
      runtimes: { head: 'RUNTIMES', cell: (row) => row.runtimes.join(',') },
    },
    shown: full ? [...usual, 'hostname', 'version', 'runtimes'] : usual,
  };
}

export function machineJson({ id, ip, metadata, state, units, cordon }: MachineView): object {
  return { id, ip, metadata, state, units, ...(cordon === undefined ? {} : { cordon }) };
}

/** `a=1,b=2`, sorted. */
export function formatMetadata(metadata: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(metadata).map(([key, value]) => `${key}=${value}`);
  return pairs.sort().join(',');
}

export function paintActive(active: ActiveState, text: string, colour: boolean): string {
  const { green, red, yellow, dim } = pc.createColors(colour);
  if (active === 'active') return green(text);
  if (active === 'failed') return red(text);
  return active === 'inactive' ? dim(text) : yellow(text);
}

/** `ready`, `ready, draining`. */
function describeMachineState({ state, cordon }: MachineView): string {
  if (cordon === undefined) return state;
  const words = { no: 'cordoned', 'one-by-one': 'draining', 'at-once': 'draining', done: 'drained' };
  return `${state}, ${words[cordon.drain]}`;
}

function paintMachine({ state, cordon }: MachineView, text: string, colour: boolean): string {
  const { green, red, yellow } = pc.createColors(colour);
  if (state !== 'ready') return red(text);
  return cordon === undefined ? green(text) : yellow(text);
}
