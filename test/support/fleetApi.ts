/** A client of fleet's HTTP API, as small as tests need it. */
import type { MachineEntity, StateEntity, UnitEntity } from '../../services/api/fleet/entities.ts';
import { optionsOf } from '../../services/api/fleet/unitOptions.ts';
import { until } from './until.ts';

export type DesiredState = UnitEntity['desiredState'];

export class FleetApi {
  readonly #base: string;

  constructor(port: number) {
    this.#base = `http://127.0.0.1:${port}/fleet/v1`;
  }

  async ask(method: string, path: string, body?: object): Promise<{ status: number; body: unknown }> {
    const sent = body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const response = await fetch(`${this.#base}${path}`, { method, ...sent });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  }

  /** Makes or changes a unit; returns the status. */
  async put(name: string, desiredState: DesiredState, text?: string): Promise<number> {
    const options = text === undefined ? {} : { options: optionsOf(text) };
    return (await this.ask('PUT', `/units/${encodeURIComponent(name)}`, { desiredState, ...options })).status;
  }

  units = () => this.#all<UnitEntity>('units');
  states = () => this.#all<StateEntity>('state', 'states');
  machines = () => this.#all<MachineEntity>('machines');

  /** Resolves with the states once `accept` likes them. */
  statesUntil(what: string, accept: (states: StateEntity[]) => boolean): Promise<StateEntity[]> {
    return until(
      what,
      async () => {
        const states = await this.states();
        return accept(states) && states;
      },
      30_000,
    );
  }

  /** Resolves once just these units run; with the machine of each (of global ones, of all that have it). */
  async running(...names: string[]): Promise<Map<string, string[]>> {
    const wanted = [...names].sort();
    const states = await this.statesUntil(`${wanted.join(', ')} run`, (all) => {
      const up = all.filter((state) => state.systemdSubState === 'running').map(({ name }) => name);
      return up.length === all.length && JSON.stringify([...new Set(up)].sort()) === JSON.stringify(wanted);
    });
    return new Map(wanted.map((name) => [name, states.filter((s) => s.name === name).map((s) => s.machineID)]));
  }

  async destroyAll(): Promise<void> {
    for (const { name } of await this.units()) await this.ask('DELETE', `/units/${encodeURIComponent(name)}`);
    await this.statesUntil('nothing is left', (states) => states.length === 0);
  }

  async #all<T>(path: string, member = path): Promise<T[]> {
    const all: T[] = [];
    let token: string | undefined;
    do {
      const { status, body } = await this.ask('GET', `/${path}${token === undefined ? '' : `?nextPageToken=${token}`}`);
      if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
      const page = body as { nextPageToken?: string } & Record<string, T[]>;
      all.push(...(page[member] ?? []));
      token = page.nextPageToken;
    } while (token !== undefined);
    return all;
  }
}
