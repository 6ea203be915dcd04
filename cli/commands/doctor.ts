import { existsSync } from 'node:fs';
import pc from 'picocolors';
import { connectNats, type NatsLink } from '../../shared/bus/natsConnection.ts';
import { clusterFilePath } from '../../shared/embedded/clusterFile.ts';
import { connectTo } from '../client.ts';
import { diagnose, type Finding, isSound, type Level } from '../doctor/diagnose.ts';
import { readFacts } from '../doctor/readFacts.ts';
import { clusterDirectory, type Endpoint, findEndpoint } from '../endpoint.ts';
import { exitCode } from '../errors.ts';
import { renderTable } from '../table.ts';
import type { Invocation } from '../verb.ts';

const recentCommits = 1_000;

/** Says what is wrong with the cluster and what to do; fails where something is a problem. */
export async function doctor(call: Invocation): Promise<number> {
  const { io, options } = call;
  const format = options.choice('output', ['table', 'json']) ?? (options.flag('json') ? 'json' : 'table');
  const findings = await examine(call);
  if (format === 'json') io.out(JSON.stringify(findings));
  else printFindings(call, findings);
  return isSound(findings) ? exitCode.done : exitCode.failed;
}

async function examine(call: Invocation): Promise<Finding[]> {
  const endpoint = await findEndpoint(call.options, call.io.env);
  try {
    const link = await connectNats({ ...endpoint, name: 'flotilla doctor' });
    try {
      return await examineCluster(call, endpoint, link);
    } finally {
      await link.close();
    }
  } catch (error) {
    const todo = noNats.get((error as Error).name);
    if (todo === undefined) throw error;
    return [{ level: 'problem', check: 'NATS', found: (error as Error).message, todo }];
  }
}

/** Why there may be no connection, by the error's name, and what to do. */
const noNats = new Map([
  ['NatsUnreachableError', 'start its server: units run on without it, but nothing changes'],
  ['NatsAuthorizationError', 'set FLOTILLA_USER and FLOTILLA_PASSWORD as the server has them'],
  ['NatsServerTooOldError', 'upgrade the NATS servers, one after the other'],
]);

async function examineCluster(call: Invocation, endpoint: Endpoint, link: NatsLink): Promise<Finding[]> {
  const client = await connectTo(endpoint, call);
  try {
    const commits = call.options.flag('deep') ? Number.POSITIVE_INFINITY : recentCommits;
    const found = `${link.address} answers, version ${link.nc.info?.version ?? 'unknown'}`;
    const facts = await readFacts({ client, link, directory: localDirectory(call), commits });
    return [{ level: 'ok', check: 'NATS', found, todo: '' }, ...diagnose(facts)];
  } finally {
    await client.close();
  }
}

function localDirectory({ options, io }: Invocation): string | null {
  const directory = options.text('dir');
  if (options.text('server') || (directory === undefined && io.env.FLOTILLA_SERVER)) return null;
  const path = clusterDirectory(directory, io.env);
  return existsSync(clusterFilePath(path)) ? path : null;
}

function printFindings({ io }: Invocation, findings: readonly Finding[]): void {
  const colours = pc.createColors(io.colour);
  const paint: Record<Level, (text: string) => string> = {
    ok: colours.green,
    warning: colours.yellow,
    problem: colours.red,
  };
  const columns = [
    { head: '', cell: ({ level }: Finding) => level, paint: (text: string, { level }: Finding) => paint[level](text) },
    { head: 'WHAT', cell: ({ check }: Finding) => check },
    { head: 'FOUND', cell: ({ found }: Finding) => found },
  ];
  for (const line of renderTable(findings, columns, { columns: io.columns, legend: false })) io.out(line);
  const todo = findings.filter((finding) => finding.todo !== '');
  if (todo.length === 0) return;
  io.out('');
  io.out('What to do:');
  for (const finding of todo) io.out(`  ${finding.check}: ${finding.todo}`);
}
