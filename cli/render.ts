/** The tables that people see, and the rows that programs get of the same data. */
import pc from 'picocolors';
import type { ActiveState } from '../shared/domain/events.ts';
import type { MachineView, UnitFileView, UnitStateView } from '../shared/domain/views.ts';
import type { Io } from './io.ts';
import type { Options } from './options.ts';
import { type Column, renderTable } from './table.ts';
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
  { columns, asJson }: { columns: readonly Column<Row>[]; asJson: (row: Row) => object },
): void {
  if (options.flag('json')) return io.out(JSON.stringify(rows.map(asJson)));
  const width = options.flag('full') ? null : io.columns;
  for (const line of renderTable(rows, columns, { columns: width, legend: options.flag('legend') })) io.out(line);
}

export function unitColumns({ full, colour }: Look): Column<UnitStateView>[] {
  const paint = (text: string, row: UnitStateView) => paintActive(row.active, text, colour);
  return [
    { head: 'UNIT', cell: (row) => row.unit },
    { head: 'MACHINE', cell: (row) => placeOf(row, full) },
    ...(full ? [{ head: 'LOAD', cell: (row: UnitStateView) => row.load }] : []),
    { head: 'ACTIVE', cell: (row) => row.active, paint },
    { head: 'SUB', cell: (row) => row.sub, paint },
    ...(full ? [{ head: 'HASH', cell: (row: UnitStateView) => row.hash }] : []),
  ];
}

export function unitJson({ unit, machine, load, active, sub, hash }: UnitStateView): object {
  return { unit, machine, load, active, sub, hash };
}

/** `ips`: addresses by machine id. */
export function unitFileColumns({ full }: Look, ips: ReadonlyMap<string, string>): Column<UnitFileView>[] {
  return [
    { head: 'UNIT', cell: (row) => row.unit },
    { head: 'HASH', cell: (row) => (full ? row.hash : shortHash(row.hash)) },
    { head: 'DSTATE', cell: (row) => row.desired },
    { head: 'STATE', cell: (row) => row.state },
    { head: 'TARGET', cell: (row) => target(row, full, ips) },
  ];
}

function target({ global, machines }: UnitFileView, full: boolean, ips: ReadonlyMap<string, string>): string {
  if (global && !full) return `global (${machines.length})`;
  return machines.map((machine) => placeOf({ machine, ip: ips.get(machine) ?? null }, full)).join(',');
}

export function unitFileJson({ unit, hash, desired, state, machines, global }: UnitFileView): object {
  return { unit, hash, desired, state, machines, global };
}

export function machineColumns({ full, colour }: Look): Column<MachineView>[] {
  const paint = (text: string, row: MachineView) => paintMachine(row.state, text, colour);
  return [
    { head: 'MACHINE', cell: (row) => (full ? row.id : shortId(row.id)) },
    { head: 'IP', cell: (row) => row.ip },
    { head: 'METADATA', cell: (row) => formatMetadata(row.metadata) },
    { head: 'STATE', cell: (row) => row.state, paint },
    { head: 'UNITS', cell: (row) => String(row.units) },
    ...(full
      ? [
          { head: 'HOSTNAME', cell: (row: MachineView) => row.hostname },
          { head: 'VERSION', cell: (row: MachineView) => row.version },
          { head: 'RUNTIMES', cell: (row: MachineView) => row.runtimes.join(',') },
        ]
      : []),
  ];
}

export function machineJson({ id, ip, metadata, state, units }: MachineView): object {
  return { id, ip, metadata, state, units };
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

function paintMachine(state: MachineView['state'], text: string, colour: boolean): string {
  const { green, red } = pc.createColors(colour);
  return state === 'ready' ? green(text) : red(text);
}
