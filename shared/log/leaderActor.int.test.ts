import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { startTestNats, type TestNats } from '../../test/support/nats.ts';
import { createNatsBus } from '../bus/natsBus.ts';
import { connectNats, type NatsLink } from '../bus/natsConnection.ts';
import { systemClock } from '../clock/systemClock.ts';
import { streams } from '../protocol/subjects.ts';
import { FencedError } from './appendOnce.ts';
import { createJetStreamLog } from './jetStreamLog.ts';
import { ensureStreams } from './jetStreamStreams.ts';
import { type Leader, startLeader } from './leaderActor.ts';

interface Candidate {
  leader: Leader;
  link: NatsLink;
  /** Resolves with the epoch when it leads. */
  leads: Promise<number>;
  /** Resolves with the reason when its term is over. */
  over: Promise<string>;
}

async function join(t: { after(fn: () => Promise<void>): void }, nats: TestNats): Promise<Candidate> {
  const link = await connectNats({ server: nats.url, user: nats.user, password: nats.password, name: 'test' });
  await ensureStreams(link);
  const fence = await createJetStreamLog(link, { stream: streams.fence });
  const lead = signal<number>();
  const end = signal<string>();
  const noWork = async () => {};
  const leader = startLeader({
    role: 'scheduler',
    id: randomUUID(),
    bus: createNatsBus(link),
    fence,
    clock: systemClock,
    random: Math.random,
    ids: randomUUID,
    hooks: { catchUp: noWork, elect: noWork, onLeading: lead.resolve, onFollowing: end.resolve },
    heartbeatMs: 50,
    electionTimeoutMs: 250,
  });
  t.after(async () => {
    leader.stop();
    await link.close();
  });
  return { leader, link, leads: lead.promise, over: end.promise };
}

test('on NATS: one leads, proves it, resigns, and the next one leads with a higher epoch', async (t) => {
  const nats = await startTestNats(t);
  const first = await join(t, nats);
  const epoch = await first.leads;
  const second = await join(t, nats);
  await Promise.all(Array.from({ length: 50 }, () => first.leader.proveLeadership()));
  await assert.rejects(second.leader.proveLeadership(), FencedError);
  first.leader.resign();
  assert.equal(await first.over, 'it resigned');
  assert((await second.leads) > epoch);
  await second.leader.proveLeadership();
});

test('on NATS: a leader that vanishes is replaced, and one that comes back too late follows', async (t) => {
  const nats = await startTestNats(t);
  const first = await join(t, nats);
  await first.leads;
  const second = await join(t, nats);
  first.leader.stop();
  await first.link.close();
  await second.leads;
  const third = await join(t, nats);
  await second.leader.proveLeadership();
  assert.equal(third.leader.state, 'following');
});

test('on NATS: the leader stays the leader over a restart of its server', async (t) => {
  const nats = await startTestNats(t);
  const { leader, leads } = await join(t, nats);
  await leads;
  const proofs = [leader.proveLeadership(), nats.restart().then(() => leader.proveLeadership())];
  await Promise.all(proofs);
  assert.equal(leader.state, 'leading');
});

function signal<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
