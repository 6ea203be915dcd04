/** What is wrong with a cluster, and what to do about it: rules that look at facts alone. */
import type { MachineView, UnitStateView } from '../../shared/domain/views.ts';
import type { JetStreamHealth, StreamHealth } from '../../shared/log/jetStreamHealth.ts';
import { streams } from '../../shared/protocol/subjects.ts';
import { shortId } from '../words.ts';
import type { ClusterFacts } from './facts.ts';

export type Level = 'ok' | 'warning' | 'problem';

export interface Finding {
  level: Level;
  /** What was looked at. */
  check: string;
  /** What is so. */
  found: string;
  /** What to do; '' where nothing is. */
  todo: string;
}

/** Of JetStream's own limits: from here on there is something to do. */
const nearlyFull = 0.8;
const leastFreeBytes = { warning: 5 * 2 ** 30, problem: 2 ** 30 };
/** Leases and the order of what people read stand on clocks that agree better than that. */
const mostSkewMs = 1_000;
/** A start that falls behind by so much is felt: some seconds of replaying. */
const mostSequencesBehind = 200_000;

export function diagnose(facts: ClusterFacts): Finding[] {
  const { jetStream } = facts;
  if ('missing' in jetStream) {
    const todo =
      'start nats-server with JetStream (-js, or a jetstream block in its configuration), or mend its quorum';
    return [problem('JetStream', `it does not answer: ${jetStream.missing}`, todo)];
  }
  return [
    ...jetStream.value.streams.map((stream) => checkStream(stream, jetStream.value, facts)),
    ...checkSpace(jetStream.value),
    ...checkDisk(facts),
    ...checkSnapshots(jetStream.value),
    ...checkChains(facts),
    checkScheduler(facts),
    ...checkStore(facts, jetStream.value),
    ...checkMachines(facts),
    ...checkUnits(facts),
  ];
}

/** Whether there is anything that cannot stay so. */
export function isSound(findings: readonly Finding[]): boolean {
  return findings.every(({ level }) => level !== 'problem');
}

function checkStream(stream: StreamHealth, { servers }: JetStreamHealth, { scheduler }: ClusterFacts): Finding {
  const { name, trouble, replicas, lagging, offline } = stream;
  const check = `stream ${name}`;
  if (trouble === 'missing') {
    const lost = 'missing' in scheduler ? '' : ', although a scheduler knows a history';
    return problem(
      check,
      `there is none${lost}`,
      'start a scheduler, which makes it; a lost one comes back by "flotilla restore"',
    );
  }
  if (trouble !== null) {
    const todo =
      'bring back NATS servers until more than half of its copies are up; where they are lost: "flotilla restore"';
    return problem(check, `it has no quorum: ${trouble.silent}`, todo);
  }
  if (offline.length > 0) {
    return warning(
      check,
      `copies are away: ${offline.join(', ')}`,
      'start those NATS servers: the next loss may stop changes',
    );
  }
  if (lagging.length > 0) return warning(check, `copies lag behind: ${lagging.join(', ')}`, 'wait, then ask again');
  const wished = servers >= 3 ? 3 : 1;
  if (replicas < wished) {
    const todo = 'start schedulers and stores with --replicas 3';
    return warning(check, `${copies(replicas)} on ${servers} servers: one disk may lose it`, todo);
  }
  return ok(check, `${copies(replicas)}, up to sequence ${stream.last}`);
}

function copies(count: number): string {
  return count === 1 ? 'one copy' : `${count} copies`;
}

function checkSpace({ storage, memory }: JetStreamHealth): Finding[] {
  return Object.entries({ storage, memory }).map(([name, { used, limit }]) => {
    const check = `JetStream ${name}`;
    if (limit <= 0) return ok(check, `${mebi(used)} used, without a limit of the account's own`);
    const found = `${mebi(used)} of ${mebi(limit)} used`;
    if (used < nearlyFull * limit) return ok(check, found);
    const setting = name === 'storage' ? 'max_file_store' : 'max_memory_store';
    return problem(check, found, `raise ${setting} of the NATS servers: full, it refuses every change`);
  });
}

function checkDisk({ disk }: ClusterFacts): Finding[] {
  if (disk === null) return [];
  const { path, freeBytes } = disk;
  const found = `${mebi(freeBytes)} free under ${path}`;
  if (freeBytes < leastFreeBytes.problem) return [problem('disk', found, 'free some: a full disk stops all changes')];
  if (freeBytes < leastFreeBytes.warning) return [warning('disk', found, 'free some, or keep an eye on it')];
  return [ok('disk', found)];
}

function checkSnapshots({ snapshots, streams: all }: JetStreamHealth): Finding[] {
  const ends = { cluster: streams.log, kv: streams.kv };
  return Object.entries(ends).map(([name, stream]) => {
    const last = all.find((one) => one.name === stream)?.last ?? 0;
    const seq = snapshots.find((one) => one.name === name)?.seq ?? 0;
    const check = `snapshot ${name}`;
    if (seq > last) {
      return warning(
        check,
        `it is of sequence ${seq}, the log ends at ${last}`,
        'it is passed over; the next one replaces it',
      );
    }
    const found = seq === 0 ? `none yet; the log has ${last} sequences` : `${last - seq} sequences behind the log`;
    if (last - seq <= mostSequencesBehind) return ok(check, found);
    return warning(check, found, 'look into the log of the leader why it saves none: starts take long without');
  });
}

function checkChains({ chains }: ClusterFacts): Finding[] {
  return [...chains].map(([stream, chain]) => {
    const check = `history ${stream}`;
    if ('value' in chain) return ok(check, `the last ${chain.value} commits hold together`);
    const damaged = 'keep a copy of the NATS directory, find out who wrote there, and restore a backup from before';
    const unread = 'see what is said of the stream; it may be read again when that is mended';
    return problem(check, chain.missing, chain.isDamage ? damaged : unread);
  });
}

function checkScheduler({ scheduler }: ClusterFacts): Finding {
  if ('missing' in scheduler) {
    return problem('scheduler', scheduler.missing, 'start "flotilla scheduler": units run on, but nothing changes');
  }
  const { leader, epoch } = scheduler.value;
  return ok('scheduler', `${leader} leads in epoch ${epoch}`);
}

function checkStore({ store }: ClusterFacts, { streams: all }: JetStreamHealth): Finding[] {
  if ('missing' in store) {
    const last = all.find(({ name }) => name === streams.kv)?.last ?? 0;
    if (last === 0) return [ok('store', 'none runs, and none ever did')];
    return [problem('store', store.missing, 'start "flotilla kv serve": keys, locks and watches wait for it')];
  }
  const { status, members } = store.value;
  const findings = status.alarms.map(({ alarm }) => {
    const todo =
      alarm === 'NOSPACE'
        ? 'compact ("flotilla kv compact"), or raise --quota-bytes; then disarm it'
        : 'see docs/kv.md';
    return problem('store', `alarm ${alarm}`, todo);
  });
  if (status.leaderId === '0') return [...findings, problem('store', 'nobody leads', 'wait, then look into its log')];
  const standby = members > 1 ? `${members - 1} standing by` : 'none standing by';
  return [...findings, ok('store', `one leads, ${standby}`)];
}

function checkMachines({ machines, units, skews }: ClusterFacts): Finding[] {
  if (machines.length === 0) return [problem('machines', 'there is none', 'start "flotilla node" on some')];
  const findings = machines.flatMap((machine) => checkMachine(machine, skews.get(machine.id)));
  const withoutDocker = machines.filter(({ state, runtimes }) => state === 'ready' && !runtimes.includes('docker'));
  const wantsDocker = units.some(({ machine, reason }) => machine === null && reason.includes('docker'));
  for (const machine of wantsDocker ? withoutDocker : []) {
    const todo = 'start its Docker engine; the node finds it by itself';
    findings.push(warning(nameOf(machine), 'no Docker engine answers, and units wait for one', todo));
  }
  const ready = machines.filter(({ state }) => state === 'ready').length;
  return findings.length > 0 ? findings : [ok('machines', `all ${ready} are ready, their clocks agree`)];
}

function checkMachine(machine: MachineView, skewMs: number | undefined): Finding[] {
  const findings: Finding[] = [];
  if (machine.state === 'lost') {
    const todo =
      'see whether it runs and reaches NATS; what it had is placed elsewhere. It is gone for good? "flotilla forget" it';
    findings.push(problem(nameOf(machine), `lost: ${machine.reason}`, todo));
  }
  if (machine.state === 'ready' && skewMs !== undefined && Math.abs(skewMs) > mostSkewMs) {
    const side = skewMs > 0 ? 'ahead of' : 'behind';
    const found = `its clock was ${(Math.abs(skewMs) / 1000).toFixed(1)} s ${side} NATS's when it wrote last`;
    findings.push(warning(nameOf(machine), found, 'let it keep time (chrony, systemd-timesyncd)'));
  }
  if (machine.cordon) {
    findings.push(
      warning(nameOf(machine), `cordoned: ${machine.cordon.reason}`, '"flotilla uncordon" it when it is done'),
    );
  }
  return findings;
}

function nameOf({ hostname, id }: MachineView): string {
  return `machine ${hostname} (${shortId(id)})`;
}

function checkUnits({ units, machines }: ClusterFacts): Finding[] {
  const isReady = new Set(machines.filter(({ state }) => state === 'ready').map(({ id }) => id));
  const findings = units.flatMap((unit) => checkUnit(unit, isReady));
  return findings.length > 0 ? findings : [ok('units', `${units.length}, none failed, none waits`)];
}

function checkUnit({ unit, machine, active, result, load, reason }: UnitStateView, isReady: Set<string>): Finding[] {
  if (active === 'failed') {
    return [problem(unit, `failed (${result || reason})`, `flotilla status ${unit}; flotilla journal ${unit}`)];
  }
  if (machine === null)
    return [problem(unit, `waits for a machine: ${reason || 'it was not looked at yet'}`, `flotilla explain ${unit}`)];
  if (load === 'not-loaded' && isReady.has(machine)) {
    const todo = "ask again; if it stays so, look into that node's log";
    return [warning(unit, `placed on ${shortId(machine)}, which has not reported it yet`, todo)];
  }
  return [];
}

function mebi(bytes: number): string {
  return bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function ok(check: string, found: string): Finding {
  return { level: 'ok', check, found, todo: '' };
}

function warning(check: string, found: string, todo: string): Finding {
  return { level: 'warning', check, found, todo };
}

function problem(check: string, found: string, todo: string): Finding {
  return { level: 'problem', check, found, todo };
}
