import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { InjectOptions } from 'fastify';
import type { NodeEvent, UnitReport } from '../../shared/domain/events.ts';
import { Projection } from '../../shared/log/projection.ts';
import { createSubjectWriter } from '../../shared/log/subjectWriter.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { MemorySchedulers } from '../../test/support/memorySchedulers.ts';
import { report } from '../../test/support/samples.ts';
import { ClusterReader } from './clusterReader.ts';
import { encodePage } from './fleet/pageToken.ts';
import { createSender } from './sender.ts';
import { createServer } from './server.ts';

const options = [
  { section: 'Unit', name: 'Description', value: 'A unit' },
  { section: 'Service', name: 'ExecStart', value: '/bin/sh -c "a; \\\n  b"' },
];

/** The API before schedulers in simulated time. */
async function startApi(t: TestContext) {
  const schedulers = new MemorySchedulers(t);
  const { clock } = schedulers;
  await schedulers.start('one');
  await clock.advance(2_500);
  const log = schedulers.log.open();
  const projection = new Projection();
  const reader = new ClusterReader({ log, projection, clock });
  let lastId = 0;
  const stop = new AbortController();
  t.after(() => stop.abort());
  void reader.follow(stop.signal);
  const send = createSender({ bus: schedulers.client, clock, ids: () => `h-${++lastId}` });
  const errors: unknown[] = [];
  const app = createServer({ reader, send, clock, onError: (error) => errors.push(error) });
  t.after(() => app.close());
  t.after(() => assert.deepEqual(errors, []));
  /** Answers need the time of the log and the bus. */
  const ask = async (request: InjectOptions) => {
    const answer = app.inject(request);
    let done = false;
    void answer.finally(() => {
      done = true;
    });
    while (!done) {
      await clock.advance(1);
      await setImmediate();
    }
    const { statusCode, body, headers } = await answer;
    return { status: statusCode, body: body === '' ? undefined : JSON.parse(body), headers };
  };
  const put = (name: string, payload: object) =>
    ask({ method: 'PUT', url: `/fleet/v1/units/${encodeURIComponent(name)}?alt=json`, payload });
  const get = (path: string) => ask({ url: `/fleet/v1/${path}` });
  /** What the node of a machine says of its unit, on the log. */
  const say = async (machine: string, changes: Partial<UnitReport>) => {
    const subject = subjects.nodeLog(machine);
    const ids = () => `n-${++lastId}`;
    const writer = createSubjectWriter<NodeEvent>({ log, subject, by: 'node', ids, clock, signal: stop.signal });
    writer.reset(projection.head(subject));
    const appended = writer.append({
      cause: '',
      events: [{ type: 'UnitStateReported', machine, ...report('a.service', changes) }],
    });
    await clock.advance(5);
    await appended;
  };
  return { schedulers, projection, clock, ask, put, get, say };
}

const launched = { desiredState: 'launched' };

test('a unit is made, wished to run, shown, and destroyed, with the status codes of fleet', async (t) => {
  const { put, get, ask } = await startApi(t);
  assert.equal((await put('a.service', { name: 'a.service', options })).status, 201);
  const { status, body } = await get('units/a.service');
  assert.equal(status, 200);
  assert.deepEqual(body, { name: 'a.service', options, desiredState: 'inactive', currentState: 'inactive' });
  const again = await put('a.service', { options });
  assert.equal(again.status, 409);
  assert.deepEqual(again.body, { error: { code: 409, message: 'must provide DesiredState to update existing unit' } });
  assert.equal((await put('a.service', { options, ...launched })).status, 204);
  assert.equal((await get('units/a.service')).body.desiredState, 'launched');
  const other = [...options, { section: 'Service', name: 'Restart', value: 'always' }];
  assert.equal((await put('a.service', { options: other })).status, 201, 'another body makes a new version');
  assert.equal((await get('units/a.service')).body.desiredState, 'inactive');
  const remove = { method: 'DELETE', url: '/v1-alpha/units/a.service' } as const;
  assert.equal((await ask(remove)).status, 204);
  const gone = await ask(remove);
  assert.deepEqual([gone.status, gone.body], [404, { error: { code: 404, message: 'unit does not exist' } }]);
});

const refused: [what: string, name: string, body: object, status: number, said: RegExp][] = [
  ['a unit that nobody knows, without options', 'a.service', launched, 409, /does not exist and options field empty/],
  ['another name than that of the URL', 'a.service', { name: 'b.service', options }, 400, /differs from unit name/],
  ['a name that is none', 'a b.service', { options }, 400, /contains " "/],
  ['a template that shall run', 'a@.service', { options, ...launched }, 400, /cannot activate template/],
  ['a state that is none', 'a.service', { options, desiredState: 'up' }, 400, /desiredState must be equal to one of/],
  ['options that are no list', 'a.service', { options: 'x' }, 400, /options must be array/],
  [
    'a value that breaks out of its line',
    'a.service',
    { options: [...options, { section: 'Service', name: 'User', value: 'x\nExecStart=/bin/evil' }] },
    400,
    /breaks out of its line/,
  ],
  [
    'a directive that means nothing',
    'a.service',
    { options: [...options, { section: 'X-Fleet', name: 'Globl', value: '1' }] },
    400,
    /did you mean Global/,
  ],
];

for (const [what, name, body, status, said] of refused) {
  test(`refused: ${what}`, async (t) => {
    const { put, get } = await startApi(t);
    const answer = await put(name, body);
    assert.equal(answer.status, status);
    assert.equal(answer.body.error.code, status);
    assert.match(answer.body.error.message, said);
    assert.deepEqual((await get('units')).body, { units: [] });
  });
}

test('a PUT needs exactly one Content-Type, and JSON', async (t) => {
  const { ask } = await startApi(t);
  const url = '/fleet/v1/units/a.service';
  const payload = JSON.stringify({ options });
  for (const type of ['application/json', 'application/json; charset=utf-8']) {
    assert.notEqual((await ask({ method: 'PUT', url, payload, headers: { 'content-type': type } })).status, 415);
  }
  for (const headers of [{ 'content-type': 'text/plain' }, {}]) {
    assert.equal((await ask({ method: 'PUT', url, payload, headers })).status, 415);
  }
  const broken = await ask({ method: 'PUT', url, payload: '{', headers: { 'content-type': 'application/json' } });
  assert.equal(broken.status, 400);
  assert.match(broken.body.error.message, /unable to decode body/);
});

test('a unit that was told to stop is shown as launched until fleetctl restart has looked', async (t) => {
  const { schedulers, projection, clock, put, get, say } = await startApi(t);
  await schedulers.join('m1');
  await put('a.service', { options, ...launched });
  const goal = () => projection.state.units.get('a.service')?.goal ?? 0;
  await say('m1', { goal: goal() });
  const current = async () => (await get('units/a.service')).body.currentState;
  assert.equal(await current(), 'launched');
  assert.equal((await get('state/a.service')).body.systemdSubState, 'running', 'its state is there before');
  await put('a.service', { desiredState: 'loaded' });
  await say('m1', { goal: goal(), active: 'inactive', sub: 'dead' });
  await schedulers.pass(500, 'm1');
  assert.equal(await current(), 'launched');
  await schedulers.pass(1_000, 'm1');
  assert.equal(await current(), 'loaded');
  await put('a.service', launched);
  assert.equal(await current(), 'loaded', 'once it is to run again, what is shown is what is so');
  assert.ok(clock.now() > 0);
});

test('collections come in pages of 100, sorted; a bad token is a 400', async (t) => {
  const { schedulers, get } = await startApi(t);
  const text = '[Service]\nExecStart=/bin/true\n';
  const names = Array.from({ length: 250 }, (_, index) => `u${String(index).padStart(3, '0')}.service`);
  const shuffled = [...names].reverse();
  await schedulers.command({ type: 'SubmitUnits', units: shuffled.map((name) => ({ name, text })) });
  const seen: string[] = [];
  let token = '';
  for (let pages = 0; pages < 3; pages++) {
    const { body } = await get(`units${token === '' ? '' : `?nextPageToken=${encodeURIComponent(token)}`}`);
    seen.push(...body.units.map(({ name }: { name: string }) => name));
    token = body.nextPageToken ?? '';
  }
  assert.equal(token, '');
  assert.deepEqual(seen, names);
  for (const bad of ['x', 'AAAA', '', encodePage(0), 'ZAABAA==AA']) {
    for (const path of ['units', 'state', 'machines']) {
      assert.equal((await get(`${path}?nextPageToken=${bad}`)).status, 400, `${path} ${bad}`);
    }
  }
});

test('metadata of machines is changed by JSON Patch, of those too that are not there yet', async (t) => {
  const { schedulers, ask, get } = await startApi(t);
  await schedulers.join('m1', { metadata: { zone: 'a', disk: 'ssd' } });
  const patch = (payload: object) => ask({ method: 'PATCH', url: '/fleet/v1/machines', payload });
  const { status } = await patch([
    { op: 'replace', path: '/m1/metadata/zone', value: 'b' },
    { op: 'remove', path: '/m1/metadata/disk' },
    { op: 'add', path: '/m2/metadata/zone', value: { value: 'c' } },
  ]);
  assert.equal(status, 204);
  await schedulers.join('m2', { metadata: { zone: 'x', rack: '1' } });
  const { body } = await get('machines');
  const metadata = body.machines.map((machine: { id: string; metadata: object }) => [machine.id, machine.metadata]);
  assert.deepEqual(metadata, [
    ['m1', { zone: 'b' }],
    ['m2', { rack: '1', zone: 'c' }],
  ]);
  const bad = await patch([
    { op: 'move', path: '/m1/metadata/zone' },
    { op: 'add', path: '/m1/zone', value: 'x' },
    { op: 'add', path: '/m1/metadata/zone' },
  ]);
  assert.equal(bad.status, 400);
  assert.match(
    bad.body.error.message,
    /operation 1: invalid op.*operation 2: .*path invalid.*operation 3: invalid value/,
  );
});

test('what is not there is a 404, what may not be done a 405; the description is there under both prefixes', async (t) => {
  const { ask, get } = await startApi(t);
  for (const url of ['/fleet/v1/nothing', '/fleet/v1/units/', '/fleet/v2/units', '/fleet/v1/units/a/b']) {
    assert.equal((await ask({ url })).status, 404, url);
  }
  for (const url of ['/', '/fleet/v1', '/fleet/v1/units', '/fleet/v1/state/a.service', '/fleet/v1/discovery']) {
    assert.equal((await ask({ method: 'POST', url })).status, 405, url);
  }
  assert.equal((await ask({ method: 'HEAD', url: '/fleet/v1/units' })).status, 405);
  const { body } = await get('discovery');
  assert.equal(body.id, 'fleet:v1');
  assert.deepEqual((await ask({ url: '/v1-alpha/discovery' })).body, body);
});

test('while the log is away, reads are a 503', async (t) => {
  const { schedulers, get } = await startApi(t);
  schedulers.log.setAvailable(false);
  const { status, body } = await get('units');
  assert.equal(status, 503);
  assert.match(body.error.message, /the log/);
});
