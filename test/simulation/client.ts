/** Somebody who gives the cluster commands, as `flotilla` does: a command without an answer is given again. */
import { NoLeaderError } from '../../shared/bus/askPatiently.ts';
import type { Bus } from '../../shared/bus/bus.ts';
import { sendCommand } from '../../shared/bus/sendCommand.ts';
import type { Clock } from '../../shared/clock/clock.ts';
import type { Command, CommandBody, CommandReply } from '../../shared/protocol/commands.ts';
import { decodeJson, encodeJson } from '../../shared/protocol/json.ts';
import type { Query, QueryReply } from '../../shared/protocol/queries.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import type { Operation } from './schedule.ts';
import { unitText } from './units.ts';

export interface ClientOptions {
  name: string;
  bus: Bus;
  clock: Clock;
  /** The version that everybody has of a unit's file. */
  versions: Map<string, number>;
  onAsk: (command: Command) => void;
  onAnswer: (command: Command, reply: CommandReply | null) => void;
  onStatus: (status: { scheduler: string; seq: number; stateHash: string }) => void;
}

const patienceMs = 15_000;

const rolling = { maxUnavailable: 1, settleMs: 1_000, timeoutMs: 15_000 };

export class Client {
  readonly #options: ClientOptions;
  #lastId = 0;
  /** Commands that are not answered yet. */
  waiting = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  async perform(operation: Operation): Promise<void> {
    this.waiting++;
    try {
      if (operation.do === 'status') await this.#askStatus();
      else await this.#command(this.#bodyOf(operation));
    } finally {
      this.waiting--;
    }
  }

  /** Any command; resolves with null when nobody leads for too long. */
  async ask(body: CommandBody): Promise<CommandReply | null> {
    this.waiting++;
    try {
      return await this.#command(body);
    } finally {
      this.waiting--;
    }
  }

  async #command(body: CommandBody): Promise<CommandReply | null> {
    const { name, bus, clock, onAsk, onAnswer } = this.#options;
    const command: Command = { ...body, id: `${name}-${++this.#lastId}`, by: name };
    onAsk(command);
    try {
      const reply = await sendCommand(command, { bus, clock, timeoutMs: patienceMs });
      onAnswer(command, reply);
      return reply;
    } catch (error) {
      if (!(error instanceof NoLeaderError)) throw error;
      onAnswer(command, null);
      return null;
    }
  }

  async #askStatus(): Promise<void> {
    const { bus, onStatus } = this.#options;
    const query: Query = { type: 'GetStatus' };
    try {
      const { data } = await bus.request(subjects.queries, encodeJson(query), { timeoutMs: 1_000 });
      const reply = decodeJson<QueryReply<'GetStatus'>>(data);
      if (reply.ok) onStatus({ ...reply.data, seq: reply.seq });
    } catch {
      // Who has no answer has nothing to compare.
    }
  }

  #bodyOf(operation: Exclude<Operation, { do: 'status' }>): CommandBody {
    const { versions } = this.#options;
    switch (operation.do) {
      case 'cordon':
      case 'drain': {
        const drain = operation.do === 'drain' ? 'one-by-one' : 'no';
        return { type: 'CordonMachines', machines: [operation.machine], reason: 'maintenance', drain };
      }
      case 'uncordon':
        return { type: 'UncordonMachines', machines: [operation.machine] };
      case 'move':
        return { type: 'MoveUnits', units: named(operation.units), reason: 'somebody asked' };
      case 'replace':
        for (const unit of operation.units) versions.set(unit, operation.version);
        return { type: 'SubmitUnits', units: withText(operation.units, versions), replace: true };
      case 'rollOut':
        for (const unit of operation.units) versions.set(unit, operation.version);
        return { type: 'StartUnits', units: withText(operation.units, versions), replace: true, rolling };
      case 'forget':
        return { type: 'ForgetMachines', machines: [operation.machine], reason: 'it is gone' };
      case 'zone': {
        const { machine, zone: value } = operation;
        return { type: 'ChangeMachineMetadata', changes: [{ machine, key: 'zone', value }] };
      }
      case 'rebalance':
        return { type: 'Rebalance', reason: 'somebody asked', maxMoves: 10 };
      case 'submit':
        return { type: 'SubmitUnits', units: withText(operation.units, versions) };
      case 'load':
        return { type: 'LoadUnits', units: withText(operation.units, versions) };
      case 'start':
        return { type: 'StartUnits', units: withText(operation.units, versions) };
      case 'stop':
        return { type: 'StopUnits', units: named(operation.units) };
      case 'unload':
        return { type: 'UnloadUnits', units: named(operation.units) };
      case 'restart':
        return { type: 'RestartUnits', units: named(operation.units) };
      case 'destroy':
        return { type: 'DestroyUnits', units: named(operation.units) };
      default:
        return operation satisfies never;
    }
  }
}

function named(units: readonly string[]): { name: string }[] {
  return units.map((name) => ({ name }));
}

function withText(units: readonly string[], versions: ReadonlyMap<string, number>): { name: string; text: string }[] {
  return units.map((name) => ({ name, text: unitText(name, versions.get(name)) }));
}
