/** Asks systemd itself, by `systemd-analyze verify`, what it makes of unit files. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export const run = promisify(execFile);

/** What `systemd-analyze verify` reports of one unit, told to show everything. */
export interface Verdict {
  /** The unit as systemd would dump it, `name: value` each. */
  fields: Map<string, string[]>;
  /** Lines of the file that it warned about. */
  complaints: Set<number>;
  commands: Map<string, string[][]>;
}

/** One run for all of them, by file name. */
export async function judge(units: Record<string, string>): Promise<Map<string, Verdict>> {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-judge-'));
  try {
    const paths = Object.keys(units).map((name) => join(directory, name));
    await Promise.all(Object.entries(units).map(([name, text]) => writeFile(join(directory, name), text)));
    const env = { ...process.env, SYSTEMD_UNIT_PATH: `${directory}:`, SYSTEMD_LOG_LEVEL: 'debug' };
    const { stdout, stderr } = await verify(paths, env);
    const verdicts = readDump(stdout);
    for (const name of Object.keys(units)) verdicts.set(name, verdicts.get(name) ?? emptyVerdict());
    for (const [, name = '', line] of stderr.matchAll(/\/([^/\n]+):(\d+): (?!Ignoring unknown escape)/g)) {
      verdicts.get(name)?.complaints.add(Number(line));
    }
    return verdicts;
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** It exits with 1 when it warns, which is not a failure here. */
export async function verify(paths: string[], env: NodeJS.ProcessEnv): Promise<{ stdout: string; stderr: string }> {
  const options = { env, maxBuffer: 256 * 1024 * 1024 };
  return run('systemd-analyze', ['verify', '--man=no', ...paths], options).catch((error: unknown) => {
    if (error instanceof Error && 'stdout' in error && 'stderr' in error && 'code' in error && error.code === 1) {
      return { stdout: String(error.stdout), stderr: String(error.stderr) };
    }
    throw error;
  });
}

function emptyVerdict(): Verdict {
  return { fields: new Map(), complaints: new Set(), commands: new Map() };
}

export function readDump(dump: string): Map<string, Verdict> {
  const verdicts = new Map<string, Verdict>();
  let verdict = emptyVerdict();
  let list: string[][] = [];
  for (const line of dump.split('\n')) {
    const [, unit] = /^\t-> Unit (.+):$/.exec(line) ?? [];
    const [, exec] = /^\t\t-> (Exec\w+):$/.exec(line) ?? [];
    const [, name = '', value = ''] = /^\t+([A-Za-z0-9 ]+): (.*)$/.exec(line) ?? [];
    if (unit !== undefined) {
      verdict = emptyVerdict();
      verdicts.set(unit, verdict);
    } else if (exec !== undefined) {
      list = [];
      verdict.commands.set(exec, list);
    } else if (name === 'Command Line') list.push(unquote(value));
    else if (name !== '') verdict.fields.set(name, [...(verdict.fields.get(name) ?? []), value]);
  }
  return verdicts;
}

/** The dump quotes words for a shell: double quotes, backslashes before what is special in them. */
function unquote(line: string): string[] {
  const words = line.match(/(?:"(?:\\.|[^"\\])*"|[^\s"])+/g) ?? [];
  return words.map((word) => (word.startsWith('"') ? word.slice(1, -1).replace(/\\(.)/g, '$1') : word));
}
