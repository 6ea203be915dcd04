/** What JetStream says of its own state: for `flotilla doctor`. Nothing here waits for what is away. */
import { type JetStreamManager, jetstreamManager, type StreamInfo } from '@nats-io/jetstream';
import { Objm } from '@nats-io/obj';
import type { NatsLink } from '../bus/natsConnection.ts';
import { decodeCommit } from '../protocol/commit.ts';
import { streams } from '../protocol/subjects.ts';
import { isStreamNotFound, messageOf } from './jetStreamErrors.ts';
import { restoredHeader } from './jetStreamRecord.ts';

export interface JetStreamHealth {
  /** How many servers the cluster of NATS has; 1 without one. */
  servers: number;
  /** Bytes; a limit of -1 is none. */
  storage: { used: number; limit: number };
  memory: { used: number; limit: number };
  streams: StreamHealth[];
  snapshots: SnapshotHealth[];
}

export interface StreamHealth {
  name: string;
  /** Why nothing is known of it: it is not there, or has no leader; null: it answers. */
  trouble: 'missing' | { silent: string } | null;
  replicas: number;
  /** Names of the servers whose copy is not up to date, or that are away. */
  lagging: string[];
  offline: string[];
  last: number;
}

export interface SnapshotHealth {
  name: string;
  /** The sequence that it is of. */
  seq: number;
}

const timeoutMs = 2_000;

/** @throws whatever keeps JetStream from answering at all. */
export async function readJetStreamHealth(link: NatsLink): Promise<JetStreamHealth> {
  const jsm = await jetstreamManager(link.nc, { checkAPI: false, timeout: timeoutMs });
  const { storage, memory, limits } = await jsm.getAccountInfo();
  const names = [streams.log, streams.kv, streams.fence, streams.assign];
  return {
    servers: link.nc.info?.cluster === undefined ? 1 : Math.max(1, new Set(link.nc.info.connect_urls).size),
    storage: { used: storage, limit: limits.max_storage },
    memory: { used: memory, limit: limits.max_memory },
    streams: await Promise.all(names.map((name) => streamHealth(jsm, name))),
    snapshots: await snapshotHealth(link),
  };
}

async function streamHealth(jsm: JetStreamManager, name: string): Promise<StreamHealth> {
  const nothing = { name, replicas: 0, lagging: [], offline: [], last: 0 };
  try {
    return healthOf(name, await jsm.streams.info(name));
  } catch (error) {
    return { ...nothing, trouble: isStreamNotFound(error) ? 'missing' : { silent: messageOf(error) } };
  }
}

function healthOf(name: string, { config, state, cluster }: StreamInfo): StreamHealth {
  const peers = cluster?.replicas ?? [];
  return {
    name,
    trouble: cluster !== undefined && !cluster.leader ? { silent: 'it has no leader' } : null,
    replicas: config.num_replicas,
    lagging: peers.filter(({ current, offline }) => !current && !offline).map((peer) => peer.name),
    offline: peers.filter(({ offline }) => offline === true).map((peer) => peer.name),
    last: state.last_seq,
  };
}

async function snapshotHealth(link: NatsLink): Promise<SnapshotHealth[]> {
  try {
    const bucket = await new Objm(link.nc).open(streams.snapshots, false);
    const kept = (await bucket.list()).filter(({ deleted }) => !deleted);
    return kept.map(({ name, metadata }) => ({ name, seq: Number(metadata?.seq ?? 0) }));
  } catch (error) {
    if (isStreamNotFound(error)) return [];
    throw error;
  }
}

/**
 * By how much the clock of a subject's writer was ahead of the NATS server's when it wrote last, ms; null where nothing is
 * there, or only what a restore brought.
 */
export async function writerSkewMs(link: NatsLink, subject: string): Promise<number | null> {
  const jsm = await jetstreamManager(link.nc, { checkAPI: false, timeout: timeoutMs });
  const message = await jsm.streams.getMessage(streams.log, { last_by_subj: subject });
  if (message === null || message.header.has(restoredHeader)) return null;
  return decodeCommit(message.data).at - message.time.getTime();
}
