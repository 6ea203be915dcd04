/**
 * Runs units as plain processes of this machine, each under a shim (`process/shim.ts`) that survives the agent. What the
 * runtime knows of them is in files alone (`process/unitDirectory.ts`), so that the next agent knows it too.
 */
import { appendFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { type Clock, delay } from '../../../shared/clock/clock.ts';
import { createTurnstile } from '../../../shared/clock/turnstile.ts';
import type { UnitUsage } from '../../../shared/protocol/node.ts';
import { openChildSession } from './childSession.ts';
import { readJournal, rotateJournal } from './journalFile.ts';
import { markJournal } from './journalTimes.ts';
import { NoticeBoard } from './notify/noticeBoard.ts';
import { isKept, notifyVariables } from './notify/notifyVariables.ts';
import { createGroup } from './process/controlGroup.ts';
import { prepareExecution } from './process/execution.ts';
import { type Keeping, type Launched, launch } from './process/launch.ts';
import { makeLimitGroups, removeLimitGroups } from './process/limitGroups.ts';
import { destroyGroup, destroyTree, signalTree } from './process/processTree.ts';
import { formatIdentity, readRecord, type ShimRecord, signalNumber } from './process/shim.ts';
import { SupervisedMain } from './process/supervisedMain.ts';
import {
  controlRecord,
  filesOf,
  makeDirectory,
  recordsIn,
  removeDirectory,
  type Site,
  setUpSite,
  type UnitFiles,
  unitsIn,
} from './process/unitDirectory.ts';
import { usageOf } from './process/usage.ts';
import {
  assertMayStart,
  type Exit,
  type JournalLine,
  type JournalOptions,
  type MainProcess,
  type RunRequest,
  type Runtime,
  type Session,
  type SessionRequest,
  StartError,
  type StartRequest,
} from './runtime.ts';
import { texts } from './texts.ts';

export interface ProcessRuntimeOptions {
  /** The runtime's own; everything that it keeps is in it. */
  directory: string;
  machine: string;
  clock: Clock;
  /** A unit's journal is rotated when it is larger, bytes; one older part is kept. Default 10 MiB. */
  journalBytes?: number;
  /** Give each unit a control group of its own where that is permitted. Default true. */
  controlGroups?: boolean;
  /** Told of what went wrong behind the scenes; it is tried again. Default: a warning of the process. */
  report?: (error: Error) => void;
}

export interface ProcessRuntime extends Runtime {
  /** Lets go of all units, which run on, as the end of the agent does. */
  close(): void;
}

/** How often adopted processes are looked at (watching their records tells nearly all, and at once). */
const checkEveryMs = 1000;
/** Journals are measured at each n-th look. */
const checksPerRotation = 5;

export function createProcessRuntime(options: ProcessRuntimeOptions): ProcessRuntime {
  return new ProcessRuntimeOnFiles(options);
}

class ProcessRuntimeOnFiles implements ProcessRuntime {
  readonly kind = 'process';
  readonly #options: Required<ProcessRuntimeOptions>;
  readonly #mains = new Map<string, SupervisedMain>();
  /** How far each journal was when it was looked at last. */
  readonly #marked = new Map<string, number>();
  readonly #closed = new AbortController();
  /** `spawn` holds the event loop until the child has executed its program: a tenth of a second on a busy machine. */
  readonly #ownTurn: () => Promise<void>;
  #site: Site | null = null;
  #tending = false;

  constructor(options: ProcessRuntimeOptions) {
    const report = (error: Error) => process.emitWarning(error);
    this.#options = { journalBytes: 10 * 1024 * 1024, controlGroups: true, report, ...options };
    this.#ownTurn = createTurnstile(options.clock);
  }

  async unavailable(): Promise<string | null> {
    try {
      this.#siteReady();
      return null;
    } catch (error) {
      return `processes cannot be run from ${this.#options.directory}: ${(error as Error).message}`;
    }
  }

  async start(request: StartRequest): Promise<MainProcess> {
    const { unit, hash, token, invocation } = request;
    const files = await this.#cleared(unit);
    assertMayStart(request);
    const { keeping, environment } = this.#keep(request);
    const { shimEnded, unref } = await this.#launch(
      { ...request, environment },
      files,
      files.main,
      { hash, token, invocation },
      keeping,
    );
    unref();
    const main = new SupervisedMain(
      files.main,
      await recordOf(files.main),
      this.#options.clock,
      this.#boardIfThere(unit),
    );
    shimEnded.then(() => main.check()).catch(this.#options.report);
    return this.#supervise(unit, main);
  }

  async run(request: RunRequest, abort: AbortSignal): Promise<Exit> {
    const files = filesOf(this.#siteReady(), request.unit);
    await makeDirectory(files);
    const record = controlRecord(files);
    const { shimEnded } = await this.#launch(this.#withSocket(request), files, record, { hash: '-', token: 0 });
    const { group: _, ...tree } = await recordOf(record);
    request.onProcess?.(tree.mainPid ?? tree.shim.pid);
    await endedOrAborted(shimEnded, abort);
    // Not the control group: it holds the main process too.
    if (abort.aborted) await signalTree(tree, signalNumber('SIGKILL'));
    await shimEnded;
    const { exit } = await recordOf(record);
    await rm(record, { force: true });
    return exit ?? { kind: 'lost', reason: 'the shim that watched it was killed' };
  }

  async exec({ unit, service, environment, argv, tty, interactive }: SessionRequest): Promise<Session> {
    const [path = ''] = argv;
    const command = {
      line: argv.join(' '),
      path,
      argv,
      ignoreFailure: false,
      literalVariables: true,
      privileged: false,
    };
    const execution = await prepareExecution({ unit, command, service, environment }, { keeper: false });
    const { group } = await recordOf(filesOf(this.#siteReady(), unit).main);
    return openChildSession(execution, group ?? null, { tty, interactive });
  }

  async adopt({ unit, hash }: { unit: string; hash: string }): Promise<MainProcess | null> {
    const known = this.#mains.get(unit);
    if (known?.record.hash === hash) return known;
    const site = this.#siteReady();
    const { main: path } = filesOf(site, unit);
    const record = await readRecord(path);
    if (record?.hash !== hash) return null;
    const main = new SupervisedMain(path, record, this.#options.clock, this.#boardIfThere(unit));
    if (record.bootId === site.bootId) main.watchRecord(this.#options.report);
    else main.outlived({ kind: 'lost', reason: 'the machine was restarted' });
    await main.check();
    return this.#supervise(unit, main);
  }

  async list(): Promise<string[]> {
    return unitsIn(this.#siteReady());
  }

  async usage(unit: string): Promise<UnitUsage | null> {
    const site = this.#siteReady();
    const record = await readRecord(filesOf(site, unit).main);
    return record?.bootId === site.bootId ? usageOf(record) : null;
  }

  async remove(unit: string): Promise<void> {
    await removeDirectory(await this.#cleared(unit));
  }

  journal(unit: string, options: JournalOptions): AsyncIterable<string> {
    return texts(this.stampedJournal(unit, options));
  }

  stampedJournal(unit: string, options: JournalOptions): AsyncIterable<JournalLine> {
    return readJournal(filesOf(this.#siteReady(), unit).journal, this.#options.clock, options);
  }

  close(): void {
    this.#closed.abort();
    for (const main of this.#mains.values()) main.retire();
  }

  /** Set up when first needed, and tried again until it works. */
  #siteReady(): Site {
    const { directory, machine, controlGroups } = this.#options;
    this.#site ??= setUpSite(directory, controlGroups ? `flotilla-${machine}` : null);
    return this.#site;
  }

  /** Ends whatever runs for the unit, and resolves when nothing does. Its journal stays. */
  async #cleared(unit: string): Promise<UnitFiles> {
    const site = this.#siteReady();
    const { clock } = this.#options;
    const files = filesOf(site, unit);
    for (const record of await recordsIn(files)) {
      await destroyTree(record, site.bootId, clock);
      const main = record === files.main ? this.#mains.get(unit) : undefined;
      await main?.exited;
      main?.retire();
      // Where it is depends on how that agent was started.
      const { group = null, limits = [] } = (await readRecord(record)) ?? {};
      if (group !== null) await destroyGroup(group, clock);
      removeLimitGroups(limits);
      await rm(record, { force: true });
    }
    if (files.group !== null) await destroyGroup(files.group, clock);
    this.#mains.delete(unit);
    this.#board(unit).remove();
    return files;
  }

  async #launch(
    request: RunRequest & Pick<StartRequest, 'mayStart'>,
    files: UnitFiles,
    record: string,
    identity: { hash: string; token: number; invocation?: string | undefined },
    keeping: Keeping | null = null,
  ): Promise<Launched> {
    const { bootId, shim } = this.#siteReady();
    const { clock, journalBytes } = this.#options;
    const { sockets } = request;
    const [prepared, isNew] = await Promise.all([
      // What is to be completed (LISTEN_PID) has to be in the command line.
      prepareExecution(request, { keeper: keeping !== null || sockets !== undefined }),
      makeDirectory(files),
    ]);
    const execution = sockets ? { ...prepared, argv: sockets.wrap(prepared.argv) } : prepared;
    if (!isNew) await rotateJournal(files.journal, journalBytes);
    const group = files.group !== null && (await createGroup(files.group)) ? files.group : null;
    const limits = this.#limit(request, files);
    const paths = { shim, record, journal: files.journal, group, limits, keeping };
    const admitted = async () => {
      await this.#ownTurn();
      // It may have waited for long.
      assertMayStart(request);
    };
    return launch(paths, formatIdentity({ bootId, ...identity }), execution, clock, admitted).catch(async (error) => {
      // What was never executed has not ended either.
      await rm(record, { force: true });
      throw error;
    });
  }

  #board(unit: string): NoticeBoard {
    return new NoticeBoard(this.#siteReady().boards, unit, this.#options.report);
  }

  #boardIfThere(unit: string): NoticeBoard | undefined {
    const board = this.#board(unit);
    return board.exists() ? board : undefined;
  }

  /** What a main command needs that talks or forks away; it is told where to talk to, and how often. */
  #keep({ unit, service, environment, command }: StartRequest) {
    if (!isKept(service)) return { keeping: null, environment };
    const board = this.#board(unit);
    board.prepare('machine');
    const { notifyAccess: access, pidFile = '', type } = service;
    const socket = access === 'none' ? null : board.socket;
    const { notices } = board;
    const { codes, signals } = service.successExitStatus;
    const listed = [...codes, ...signals.map((signal) => `killed-${signalNumber(signal)}`)];
    const clean = command.ignoreFailure ? 'any' : listed.join(' ');
    const keeping = { script: this.#siteReady().keeper, notices, socket, access, pidFile, type, clean };
    return { keeping, environment: { ...environment, ...notifyVariables(service, socket) } };
  }

  /** Control commands may talk, too, where `NotifyAccess=` admits them. */
  #withSocket(request: RunRequest): RunRequest {
    const { unit, service, environment } = request;
    const board = ['exec', 'all'].includes(service.notifyAccess) ? this.#boardIfThere(unit) : undefined;
    return board ? { ...request, environment: { ...environment, NOTIFY_SOCKET: board.socket } } : request;
  }

  /** Notes how far the unit's journal is now, so that it is known when its lines came. */
  async #mark(unit: string): Promise<void> {
    const { clock, report } = this.#options;
    const { journal } = filesOf(this.#siteReady(), unit);
    const marking = markJournal(journal, clock.now(), this.#marked.get(unit));
    await marking.then((end) => this.#marked.set(unit, end), report);
  }

  /** The groups that limit the unit; its journal says what is not enforced. */
  #limit({ service }: RunRequest, files: UnitFiles): string[] {
    if (Object.keys(service.control).length === 0) return [];
    const { groups, notes } = makeLimitGroups(this.#siteReady().limits, files.name, service.control);
    if (notes.length > 0) appendFileSync(files.journal, notes.map((note) => `flotilla: ${note}\n`).join(''));
    return groups;
  }

  #supervise(unit: string, main: SupervisedMain): SupervisedMain {
    this.#mains.set(unit, main);
    void main.exited.then(() => this.#mark(unit));
    if (!this.#tending) void this.#tend();
    return main;
  }

  /** While there is something to look after: looks whether it has ended, and rotates its journal. */
  async #tend(): Promise<void> {
    this.#tending = true;
    const { clock, report, journalBytes } = this.#options;
    for (let round = 1; !this.#closed.signal.aborted; round++) {
      await delay(clock, checkEveryMs, this.#closed.signal);
      const watched = [...this.#mains].filter(([, main]) => main.watched);
      if (watched.length === 0) break;
      for (const [unit, main] of watched) {
        if (main.shimGone) await main.check().catch(report);
        main.checkMemory();
        const { journal } = filesOf(this.#siteReady(), unit);
        await this.#mark(unit);
        if (round % checksPerRotation === 0) await rotateJournal(journal, journalBytes).catch(report);
      }
    }
    this.#tending = false;
  }
}

async function recordOf(path: string): Promise<ShimRecord> {
  const record = await readRecord(path);
  if (record === null) throw new StartError(`${path} was removed while its command ran`);
  return record;
}

function endedOrAborted(ended: Promise<void>, abort: AbortSignal): Promise<void> {
  if (abort.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      abort.removeEventListener('abort', done);
      resolve();
    };
    abort.addEventListener('abort', done);
    void ended.then(done);
  });
}
