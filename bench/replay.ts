import { nanoid } from 'nanoid';
import { connectNats } from '../shared/bus/natsConnection.ts';
import { systemClock } from '../shared/clock/systemClock.ts';
import type { Event } from '../shared/domain/events.ts';
import type { EventLog } from '../shared/log/eventLog.ts';
import { createJetStreamLog } from '../shared/log/jetStreamLog.ts';
import { ensureStreams } from '../shared/log/jetStreamStreams.ts';
import { Projection } from '../shared/log/projection.ts';
import { createSubjectWriter } from '../shared/log/subjectWriter.ts';
import { streams, subjects } from '../shared/protocol/subjects.ts';
import { startTestNats } from '../test/support/nats.ts';
import type { Row } from './support/report.ts';
import { timed } from './support/stats.ts';

const machines = 10;
const eventsPerCommit = 100;

/** A history on a real JetStream, folded from its beginning as `flotilla replay` does, hash chain included. */
export async function run({ quick }: { quick: boolean }): Promise<Row[]> {
  const cleanUps: (() => Promise<void>)[] = [];
  const nats = await startTestNats({ after: (fn) => cleanUps.push(fn) });
  const link = await connectNats({ server: nats.url, user: nats.user, password: nats.password, name: 'bench' });
  try {
    await ensureStreams(link);
    const log = await createJetStreamLog(link, { stream: streams.log });
    const commits = quick ? 500 : 10_000;
    await writeHistory(log, commits);
    const events = commits * eventsPerCommit;
    const parsing = await timed(() => readAll(log, (data) => JSON.parse(new TextDecoder().decode(data))));
    const projection = new Projection();
    const folding = await timed(() => readAll(log, (_data, record) => projection.apply(record)));
    const rate = (1000 * events) / folding;
    const value = (1000 * events) / parsing;
    const baseline = { what: 'the same messages received and parsed, not folded', value };
    const what = `replay of ${events.toLocaleString('en-US')} events`;
    return [{ what, flotilla: rate, unit: 'events/s', baseline, goal: '≥ 300,000/s', met: rate >= 300_000 }];
  } finally {
    await link.close();
    for (const cleanUp of cleanUps) await cleanUp();
  }
}

async function writeHistory(log: EventLog, commits: number): Promise<void> {
  const { signal } = new AbortController();
  const options = { log, by: 'bench', ids: nanoid, clock: systemClock, signal };
  const cluster = createSubjectWriter({ ...options, subject: subjects.clusterLog });
  const nodes = Array.from({ length: machines }, (_, i) =>
    createSubjectWriter({ ...options, subject: subjects.nodeLog(`machine-${i}`) }),
  );
  await cluster.append({ cause: 'bench', events: Array.from({ length: machines }, (_, i) => joined(`machine-${i}`)) });
  for (let i = 0; i < commits; i++) {
    const node = nodes[i % machines];
    if (i % 2 === 0) await cluster.append({ cause: 'bench', events: starts(i) });
    else await node?.append({ cause: 'bench', events: reports(i, `machine-${i % machines}`) });
  }
}

function joined(machine: string): Event {
  const facts = {
    session: 's',
    nodeKey: 'k',
    bootId: 'b',
    ip: '127.0.0.1',
    hostname: machine,
    version: '0',
    metadata: {},
  };
  return { type: 'MachineJoined', machine, ...facts, capacity: {}, runtimes: ['process'] };
}

const text = '[Service]\nExecStart=/bin/true\n';
const placement = { global: false, metadata: [], conflicts: [], runtimes: ['process'] };

/** What 25 `start`s, of units that come again and again, leave on the log. */
function starts(commit: number): Event[] {
  return Array.from({ length: eventsPerCommit / 4 }, (_, i): Event[] => {
    const unit = `unit-${(commit * 25 + i) % 5_000}.service`;
    const machine = `machine-${i % machines}`;
    return [
      { type: 'UnitSubmitted', unit, text, hash: 'h', description: '', placement, resources: {} },
      { type: 'UnitLaunchRequested', unit },
      { type: 'UnitPlaced', unit, machine, reason: 'it was started', score: { load: 0, units: 3 }, rejected: {} },
      { type: 'UnitUnloadRequested', unit },
    ];
  }).flat();
}

function reports(commit: number, machine: string): Event[] {
  return Array.from({ length: eventsPerCommit }, (_, i) => {
    const unit = `unit-${(commit * 100 + i) % 5_000}.service`;
    const state = { active: 'active', sub: 'running', result: 'success', goal: commit, reason: 'started' } as const;
    return { type: 'UnitStateReported', machine, unit, hash: 'h', load: 'loaded', ...state, pid: 1000 + i };
  });
}

async function readAll(log: EventLog, use: (data: Uint8Array, record: Parameters<Projection['apply']>[0]) => void) {
  const done = new AbortController();
  for await (const record of log.tail({ fromSeq: 1, signal: done.signal, onIdle: () => done.abort() })) {
    use(record.data, record);
  }
}
