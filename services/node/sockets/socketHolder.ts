import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Listener, SocketSpec } from '../../../shared/domain/socket.ts';
import { boardsOf, makeBase } from '../runtime/notify/noticeBoard.ts';
import { perlPath } from '../runtime/process/keeper.ts';
import type { PassedSockets } from '../runtime/runtime.ts';
import { holderScript, takerScript } from './holderScript.ts';

/** What a service needs to be handed the sockets of one unit. */
export interface HeldSockets {
  /** Control socket of the holder. */
  control: string;
  names: string[];
}

/** Sockets could not be opened; why, for people. */
export class SocketError extends Error {
  override readonly name = 'SocketError';
}

/** Where an agent's holders are: their control sockets, and the scripts. */
export class SocketSite {
  readonly #directory: string;
  #isReady = false;

  /** @param owner the node's directory. */
  constructor(owner: string) {
    this.#directory = boardsOf(join(resolve(owner), 'sockets'));
  }

  holder(unit: string, spec: SocketSpec): SocketHolder {
    const name = createHash('sha256')
      .update(JSON.stringify([unit, spec]))
      .digest('hex')
      .slice(0, 20);
    return new SocketHolder(spec, join(this.#directory, name), () => this.#scripts().holder);
  }

  /** The sockets of these holders, for a command to serve. */
  passed(held: readonly HeldSockets[]): PassedSockets {
    const controls = held.map(({ control }) => control);
    const taker = [perlPath(), this.#scripts().taker, process.arch, String(controls.length), ...controls];
    return { names: held.flatMap(({ names }) => names), wrap: (argv) => [...taker, ...argv] };
  }

  /** Ends the holders of units that are not here any more. */
  async sweep(kept: readonly string[]): Promise<void> {
    const names = await readdir(this.#directory).catch(() => []);
    const controls = names.filter((name) => /^[\da-f]{20}$/.test(name)).map((name) => join(this.#directory, name));
    const strays = controls.filter((control) => !kept.includes(control));
    await Promise.all(strays.map((control) => endHolder(control)));
  }

  #scripts(): { holder: string; taker: string } {
    const paths = { holder: join(this.#directory, 'holder.pl'), taker: join(this.#directory, 'taker.pl') };
    if (!this.#isReady) {
      makeBase(this.#directory);
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      writeFileSync(paths.holder, holderScript);
      writeFileSync(paths.taker, takerScript);
      this.#isReady = true;
    }
    return paths;
  }
}

/** The process that holds the sockets of one unit, whichever agent started it. */
export class SocketHolder {
  readonly held: HeldSockets;
  readonly #spec: SocketSpec;
  readonly #script: () => string;
  /** Called when somebody calls after a {@link watch}, and when the holder has gone. */
  onReady: () => void = () => undefined;
  onLost: () => void = () => undefined;
  #door: Socket | null = null;

  constructor(spec: SocketSpec, control: string, script: () => string) {
    this.#spec = spec;
    this.#script = script;
    this.held = { control, names: spec.listeners.map(() => spec.name) };
  }

  /**
   * Opens the sockets, unless an earlier agent has.
   * @throws {SocketError} the sockets cannot be opened.
   */
  async open(): Promise<void> {
    this.#door = (await reach(this.held.control)) ?? (await this.#start());
    const door = this.#door;
    door.setEncoding('utf8');
    door.on('data', (text: string) => {
      if (text.includes('ready\n')) this.onReady();
    });
    door.on('close', () => {
      if (this.#door === door) this.onLost();
    });
    door.unref();
  }

  watch(): void {
    this.#door?.write('watch\n');
  }

  /** Lets go of the holder, which goes on. */
  release(): void {
    const door = this.#door;
    this.#door = null;
    door?.destroy();
  }

  /** Closes the sockets. */
  async end(): Promise<void> {
    this.release();
    await endHolder(this.held.control);
  }

  async #start(): Promise<Socket> {
    const { backlog, mode, directoryMode, removeOnStop, listeners } = this.#spec;
    const owner = await ownerOf(this.#spec);
    const octal = (bits: number) => bits.toString(8).padStart(4, '0');
    const limits = [
      String(Math.min(backlog, 65_535)),
      octal(mode),
      octal(directoryMode),
      owner,
      removeOnStop ? '1' : '',
    ];
    const args = [this.#script(), process.arch, this.held.control, ...limits, ...listeners.map(describe)];
    const child = spawn(perlPath(), args, { detached: true, stdio: ['ignore', 'pipe', 'ignore'], cwd: '/' });
    const said = await firstWords(child);
    if (said !== 'ok') throw new SocketError(`the sockets cannot be opened: ${said || 'Perl did not start'}`);
    child.unref();
    const door = await reach(this.held.control);
    if (door === null) throw new SocketError('the process that holds the sockets has gone');
    return door;
  }
}

/** A way to the holder; null: there is none. */
async function reach(control: string): Promise<Socket | null> {
  const door = connect(control);
  try {
    await once(door, 'connect');
    door.on('error', () => undefined);
    return door;
  } catch {
    return null;
  }
}

async function endHolder(control: string): Promise<void> {
  const door = await reach(control);
  if (door === null) return;
  door.write('end\n');
  door.resume();
  await once(door, 'close');
}

async function firstWords(child: ChildProcess): Promise<string> {
  const { stdout } = child;
  if (stdout === null) return '';
  let said = '';
  stdout.setEncoding('utf8');
  stdout.on('data', (text: string) => {
    said += text;
  });
  child.on('error', (error) => {
    said = error.message;
  });
  await once(stdout, 'close');
  return said.trim();
}

function describe({ type, address }: Listener): string {
  if (address.family === 'unix') return `${type} unix ${address.path}`;
  if (address.family === 'any') return `${type} any ${address.port}`;
  return `${type} ${address.family} ${address.host} ${address.port}`;
}

/** `uid:gid` of `SocketUser=` and `SocketGroup=`; a user brings its group along. */
async function ownerOf({ user, group }: SocketSpec): Promise<string> {
  const [, , uid = '-1', primary = '-1'] = user === undefined ? [] : await entryOf('passwd', user);
  const [, , gid = primary] = group === undefined ? [] : await entryOf('group', group);
  return `${uid}:${gid}`;
}

async function entryOf(database: 'passwd' | 'group', key: string): Promise<string[]> {
  try {
    const { stdout } = await promisify(execFile)('getent', [database, key]);
    return stdout.trimEnd().split(':');
  } catch (cause) {
    throw new SocketError(`Socket${database === 'passwd' ? 'User' : 'Group'}=${key}: there is none`, { cause });
  }
}
