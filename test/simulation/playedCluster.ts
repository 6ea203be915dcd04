/** A simulated cluster without faults of its own, for tests that say what happens and look at what comes of it. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { ClusterState } from '../../shared/domain/clusterState.ts';
import type { CommandBody, CommandReply } from '../../shared/protocol/commands.ts';
import { unsettled } from './quiet.ts';
import type { Fault } from './schedule.ts';
import { World } from './world.ts';

const stepMs = 250;
const patienceMs = 60_000;
const service = '[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/bin/main\nRestart=always\n';

/** A unit's file: a program that runs, and these lines of `[X-Fleet]`. */
export function unitFile(...fleet: string[]): string {
  return `${service}${fleet.length === 0 ? '' : `[X-Fleet]\n${fleet.join('\n')}\n`}`;
}

export class PlayedWorld {
  readonly world: World;

  private constructor(machines: number) {
    this.world = new World({ seed: 1, machines, schedulers: 3, stores: 0, endMs: 0, actions: [] });
  }

  /** Machines `m1` … have joined. Nothing may be broken until the test ends. */
  static async start(t: TestContext, machines = 3): Promise<PlayedWorld> {
    const cluster = new PlayedWorld(machines);
    t.after(async () => {
      cluster.world.end();
      await cluster.world.clock.advance(0);
      assert.deepEqual(cluster.world.violations, []);
    });
    await cluster.until('all machines have joined', (state) => cluster.readyMachines(state).length === machines);
    return cluster;
  }

  get state(): ClusterState {
    return this.world.audit.state;
  }

  readyMachines(state = this.state): string[] {
    const ready = [...state.machines.values()].filter((machine) => machine.state === 'ready');
    return ready.map(({ machine }) => machine).sort();
  }

  async passes(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) await this.world.clock.advance(stepMs);
  }

  async until(what: string, isSo: (state: ClusterState) => boolean): Promise<void> {
    for (let passed = 0; !isSo(this.state); passed += stepMs) {
      assert.ok(passed < patienceMs, `${what}, within ${patienceMs} ms; running: ${JSON.stringify(this.running())}`);
      await this.world.clock.advance(stepMs);
    }
  }

  /** Until nothing goes on any more. `without`: machines that are away. */
  settled(...without: string[]): Promise<void> {
    const machines = this.world.machines.filter(({ id }) => !without.includes(id));
    return this.until('everything is as the log says', (state) => unsettled(state, machines).length === 0);
  }

  async ask(body: CommandBody): Promise<CommandReply> {
    const [client] = this.world.clients;
    assert.ok(client);
    let reply: CommandReply | null = null;
    const asked = client.ask(body).then((answer) => {
      reply = answer;
    });
    for (let passed = 0; reply === null; passed += 10) {
      assert.ok(passed < patienceMs, `${body.type} is answered`);
      await this.world.clock.advance(10);
    }
    await asked;
    return reply;
  }

  /** @throws {AssertionError} it is refused. */
  async demand(body: CommandBody): Promise<void> {
    const reply = await this.ask(body);
    assert.ok(reply.ok, `${body.type}: ${JSON.stringify(reply)}`);
  }

  /** Starts units of this file, and waits until everything is as it should be. */
  async start(text: string, ...names: string[]): Promise<void> {
    await this.demand({ type: 'StartUnits', units: names.map((name) => ({ name, text })) });
    await this.settled();
  }

  strike(fault: Fault): void {
    this.world.strike(fault);
  }

  /** What really runs: `unit@machine`, sorted. */
  running(): string[] {
    const mains = this.world.machines.flatMap(({ mains: there }) => [...there.values()]);
    return mains.map(({ unit, machine }) => `${unit}@${machine}`).sort();
  }

  /** The machines on which the unit really runs. */
  placesOf(unit: string): string[] {
    return this.running().flatMap((entry) => (entry.startsWith(`${unit}@`) ? [entry.slice(unit.length + 1)] : []));
  }

  /** Process ids of all that runs: a unit that was restarted, or moved, has another one. */
  processes(): Map<string, number> {
    const mains = this.world.machines.flatMap(({ mains: there }) => [...there.values()]);
    return new Map(mains.map(({ unit, machine, process }) => [`${unit}@${machine}`, process.pid]));
  }
}
