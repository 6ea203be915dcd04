/** A client that starts, stops and destroys units all the time, and writes down what it was told. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../../cli/client.ts';
import { FailureError } from '../../../cli/errors.ts';
import type { CommandReply, RawUnitCommand } from '../../../shared/protocol/commands.ts';
import type { Random } from '../../../test/linearizability/record/random.ts';
import { type LabUnit, named } from './units.ts';

/** One command, as its client knows it. Times are wall clock, ms. */
export interface CommandRecord {
  unit: string;
  wish: Wish;
  sentAt: number;
  endedAt: number;
  /** Of the answer; null: there was none in time, it may have been done or not. */
  seq: number | null;
  /** Why it was refused, which what is asked for here never must be. */
  refusal?: string;
}

/** What is true of the unit once the command is done. `stopped`: not launched; `gone`: there is no such unit. */
export type Wish = 'launched' | 'stopped' | 'inactive' | 'gone';

const meanPauseMs = 300;

export interface CommandStream {
  client: Client;
  random: Random;
  signal: AbortSignal;
  records: CommandRecord[];
}

/** One unit, one command after the other, until the signal aborts. */
export async function commandUnit(unit: LabUnit, { client, random, signal, records }: CommandStream): Promise<void> {
  let there = false;
  while (!signal.aborted) {
    const change: Change = there ? random.pick(changes(unit)) : start(unit);
    const { wish, body } = change;
    const sentAt = Date.now();
    const reply = await send(client, body);
    const seq = reply?.ok ? reply.seq : null;
    const refusal = reply?.ok === false ? { refusal: [reply.message, ...reply.details].join(' ') } : {};
    records.push({ unit: unit.name, wish, sentAt, endedAt: Date.now(), seq, ...refusal });
    // Without an answer the next one is a start, which is possible in any case.
    there = seq !== null && wish !== 'gone';
    await sleep(random.integer(2 * meanPauseMs));
  }
}

interface Change {
  wish: Wish;
  body: RawUnitCommand;
}

function start(unit: LabUnit): Change {
  return { wish: 'launched', body: { type: 'StartUnits', units: [named(unit)] } };
}

function changes(unit: LabUnit): [Change, ...Change[]] {
  const units = [{ name: unit.name }];
  return [
    start(unit),
    { wish: 'stopped', body: { type: 'StopUnits', units } },
    { wish: 'inactive', body: { type: 'UnloadUnits', units } },
    { wish: 'gone', body: { type: 'DestroyUnits', units } },
  ];
}

async function send(client: Client, body: RawUnitCommand): Promise<CommandReply | null> {
  try {
    return await client.command(body);
  } catch (error) {
    if (error instanceof FailureError) return null;
    throw error;
  }
}
