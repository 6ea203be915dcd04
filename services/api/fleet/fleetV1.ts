/** fleet's HTTP API v1, under each of the prefixes that fleet has it under. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Clock } from '../../../shared/clock/clock.ts';
import type { ClusterReader } from '../clusterReader.ts';
import { HttpError } from '../httpError.ts';
import type { Sender } from '../sender.ts';
import { changeUnit, type UnitWish } from './changeUnit.ts';
import { discoveryDocument } from './discovery.ts';
import { machineEntities, stateEntity, stateKeys, unitEntity } from './entities.ts';
import { Lingering } from './lingering.ts';
import { parseMachinePatch } from './machinePatch.ts';
import { pageOf } from './pageToken.ts';
import { StateList } from './stateList.ts';

export const fleetPrefixes = ['/fleet/v1', '/v1-alpha'];

/** The resources, and what may be done to each, as {@link allowedMethods} answers who does something else. */
const methods: readonly [path: RegExp, allowed: string][] = [
  [/^\/(units|state)$/, 'GET'],
  [/^\/units\/[^/]+$/, 'GET, PUT and DELETE'],
  [/^\/state\/[^/]+$/, 'GET'],
  [/^\/machines$/, 'GET and PATCH'],
  [/^\/discovery$/, 'GET'],
  [/^$/, 'nothing'],
];

export interface FleetOptions {
  reader: ClusterReader;
  send: Sender;
  clock: Clock;
}

const text = { type: 'string' };
const paging = { nextPageToken: text };
const pageQuery = { querystring: { type: 'object', properties: paging } };
const stateQuery = { querystring: { type: 'object', properties: { ...paging, machineID: text, unitName: text } } };
/** As Go reads it: unknown fields are passed over, and an empty text may be left out. */
const unitBody = {
  type: 'object',
  properties: {
    name: text,
    desiredState: { enum: ['', 'inactive', 'loaded', 'launched'] },
    options: {
      type: ['array', 'null'],
      items: {
        type: 'object',
        required: ['section', 'name'],
        properties: { section: text, name: text, value: { ...text, default: '' } },
      },
    },
  },
};

interface Named {
  Params: { name: string };
}
interface Paged {
  Querystring: { nextPageToken?: string };
}

export function serveFleet(app: FastifyInstance, options: FleetOptions): void {
  const lingering = new Lingering(options.clock);
  const list = new StateList(options.reader);
  for (const prefix of fleetPrefixes) {
    serveUnits(app, `${prefix}/units`, options, lingering);
    serveStates(app, `${prefix}/state`, options, list);
    serveMachines(app, `${prefix}/machines`, options);
    app.get(`${prefix}/discovery`, async () => discoveryDocument);
  }
}

function serveUnits(app: FastifyInstance, path: string, options: FleetOptions, lingering: Lingering): void {
  const { reader } = options;
  app.get<Paged>(path, { schema: pageQuery }, async ({ query }) => {
    const state = await reader.fresh();
    const { items, ...next } = pageOf(reader.unitNames, query.nextPageToken);
    const records = items.flatMap((name) => state.units.get(name) ?? []);
    return { units: records.map((unit) => unitEntity(state, unit, lingering.has(unit.name))), ...next };
  });
  app.get<Named>(`${path}/:name`, async ({ params: { name } }) => {
    const state = await reader.fresh();
    const unit = state.units.get(name);
    if (!unit) throw new HttpError(404, 'unit does not exist');
    return unitEntity(state, unit, lingering.has(name));
  });
  const put = { schema: { body: unitBody }, onRequest: async (request: FastifyRequest) => checkContentType(request) };
  app.put<Named & { Body: UnitWish }>(`${path}/:name`, put, async (request, reply) => {
    const { name } = request.params;
    const { commands, creates, stops } = changeUnit(await reader.fresh(), name, request.body);
    if (stops) lingering.begin(name);
    else lingering.end(name);
    for (const command of commands) await reader.reached(await options.send(command, whoAsks(request)));
    return reply.code(creates ? 201 : 204).send();
  });
  app.delete<Named>(`${path}/:name`, async (request, reply) => {
    const { name } = request.params;
    if (!(await reader.fresh()).units.has(name)) throw new HttpError(404, 'unit does not exist');
    await reader.reached(await options.send({ type: 'DestroyUnits', units: [{ name }] }, whoAsks(request)));
    return reply.code(204).send();
  });
}

function serveStates(app: FastifyInstance, path: string, { reader }: FleetOptions, list: StateList): void {
  app.get<Paged & { Querystring: { machineID?: string; unitName?: string } }>(
    path,
    { schema: stateQuery },
    async ({ query }) => {
      const state = await reader.fresh();
      const isFiltered = query.machineID !== undefined || query.unitName !== undefined;
      const keys = isFiltered ? stateKeys(state, reader.unitNames, query) : list.keys(state);
      const { items, ...next } = pageOf(keys, query.nextPageToken);
      return { states: items.flatMap((key) => stateEntity(state, key)), ...next };
    },
  );
  app.get<Named>(`${path}/:name`, async ({ params: { name } }) => {
    const state = await reader.fresh();
    const [entity] = stateKeys(state, reader.unitNames, { unitName: name }).flatMap((key) => stateEntity(state, key));
    if (!entity) throw new HttpError(404, 'unit state does not exist');
    return entity;
  });
}

function serveMachines(app: FastifyInstance, path: string, { reader, send }: FleetOptions): void {
  app.get<Paged>(path, { schema: pageQuery }, async ({ query }) => {
    const { items, ...next } = pageOf(machineEntities(await reader.fresh()), query.nextPageToken);
    return { machines: items, ...next };
  });
  app.patch(path, async (request, reply) => {
    const changes = parseMachinePatch(request.body);
    if (changes.length > 0) {
      await reader.reached(await send({ type: 'ChangeMachineMetadata', changes }, whoAsks(request)));
    }
    return reply.code(204).send();
  });
}

/** What may be done to a path, in words; null: there is nothing there. */
export function allowedMethods(path: string): string | null {
  if (path === '/') return 'nothing';
  const prefix = fleetPrefixes.find((candidate) => path === candidate || path.startsWith(`${candidate}/`));
  if (prefix === undefined) return null;
  return methods.find(([pattern]) => pattern.test(path.slice(prefix.length)))?.[1] ?? null;
}

/** fleet takes exactly one, and JSON. */
function checkContentType({ raw }: FastifyRequest): void {
  const given = raw.rawHeaders.filter((_, index) => raw.rawHeaders[index - 1]?.toLowerCase() === 'content-type');
  const names = given.filter((_, index) => index >= 0);
  if (names.length !== 1) throw new HttpError(415, `expected 1 Content-Type, got ${names.length}`);
  if (names[0]?.split(';')[0]?.trim() !== 'application/json') {
    throw new HttpError(415, 'only acceptable Content-Type is application/json');
  }
}

/** For the log: the client, and where it asks from. */
function whoAsks({ ip, headers }: FastifyRequest): string {
  const agent = headers['user-agent']?.split(/[\s/]/)[0] || 'http';
  return `${agent}@${ip || 'unix'}`.slice(0, 200);
}
