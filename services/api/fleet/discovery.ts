/**
 * The description of fleet's API v1 in the form of Google's API Discovery Service, from which clients are generated.
 * `$ENDPOINT` stands where the client has to put the address that it uses: fleet's document leaves that open, too.
 */
const text = { type: 'string' };
const states = { type: 'string', enum: ['inactive', 'loaded', 'launched'] };

function ref(name: string) {
  return { $ref: name };
}

function entity(id: string, properties: Record<string, object>) {
  return { [id]: { id, type: 'object', properties } };
}

function page(id: string, member: string, of: string) {
  return entity(id, { [member]: { type: 'array', items: ref(of) }, nextPageToken: text });
}

function query(...names: string[]) {
  return Object.fromEntries(names.map((name) => [name, { type: 'string', location: 'query' }]));
}

const unitName = {
  parameters: { unitName: { type: 'string', location: 'path', required: true } },
  parameterOrder: ['unitName'],
};

export const discoveryDocument = {
  kind: 'discovery#restDescription',
  discoveryVersion: 'v1',
  id: 'fleet:v1',
  name: 'schema',
  version: 'v1',
  title: 'fleet API',
  description: '',
  documentationLink: 'http://github.com/coreos/fleet',
  protocol: 'rest',
  icons: { x16: '', x32: '' },
  labels: [],
  baseUrl: '$ENDPOINT/fleet/v1/',
  basePath: '/fleet/v1/',
  rootUrl: '$ENDPOINT/',
  servicePath: 'fleet/v1/',
  batchPath: 'batch',
  parameters: {},
  auth: {},
  schemas: {
    ...entity('Machine', {
      id: text,
      primaryIP: text,
      metadata: { type: 'object', properties: {}, additionalProperties: text },
    }),
    ...page('MachinePage', 'machines', 'Machine'),
    ...entity('UnitOption', { section: text, name: text, value: text }),
    ...entity('Unit', {
      name: text,
      options: { type: 'array', items: ref('UnitOption') },
      desiredState: states,
      currentState: states,
      machineID: { ...text, required: true },
    }),
    ...page('UnitPage', 'units', 'Unit'),
    ...entity('UnitState', {
      name: text,
      hash: text,
      machineID: text,
      systemdLoadState: text,
      systemdActiveState: text,
      systemdSubState: text,
    }),
    ...page('UnitStatePage', 'states', 'UnitState'),
  },
  resources: {
    Machines: {
      methods: {
        List: {
          id: 'fleet.Machine.List',
          description: 'Retrieve a page of Machine objects.',
          httpMethod: 'GET',
          path: 'machines',
          parameters: query('nextPageToken'),
          response: ref('MachinePage'),
        },
      },
    },
    Units: {
      methods: {
        List: {
          id: 'fleet.Unit.List',
          description: 'Retrieve a page of Unit objects.',
          httpMethod: 'GET',
          path: 'units',
          parameters: query('nextPageToken'),
          response: ref('UnitPage'),
        },
        Get: {
          id: 'fleet.Unit.Get',
          description: 'Retrieve a single Unit object.',
          httpMethod: 'GET',
          path: 'units/{unitName}',
          ...unitName,
          response: ref('Unit'),
        },
        Delete: {
          id: 'fleet.Unit.Delete',
          description: 'Delete the referenced Unit object.',
          httpMethod: 'DELETE',
          path: 'units/{unitName}',
          ...unitName,
        },
        Set: {
          id: 'fleet.Unit.Set',
          description: 'Create or update a Unit.',
          httpMethod: 'PUT',
          path: 'units/{unitName}',
          ...unitName,
          request: ref('Unit'),
        },
      },
    },
    UnitState: {
      methods: {
        Get: {
          id: 'fleet.UnitState.Get',
          description: 'Retrieve a page of a single UnitState object.',
          httpMethod: 'GET',
          path: 'state/{unitName}',
          ...unitName,
          response: ref('UnitState'),
        },
        List: {
          id: 'fleet.UnitState.List',
          description: 'Retrieve a page of UnitState objects.',
          httpMethod: 'GET',
          path: 'state',
          parameters: query('nextPageToken', 'unitName', 'machineID'),
          response: ref('UnitStatePage'),
        },
      },
    },
  },
};
