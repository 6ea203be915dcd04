/**
 * Runs units as plain processes of this machine, each under a shim (`process/shim.ts`) that survives the agent. What the
 * runtime knows of them is in files alone (`process/unitDirectory.ts`), so that the next agent knows it too.
 */
import { rm } from 'node:fs/promises';
import { type Clock, delay } from '../../../shared/clock/clock.ts';
import { readJournal, rotateJournal } from './journalFile.ts';
import { createGroup } from './process/controlGroup.ts';
import { prepareExecution } from './process/execution.ts';
import { type Launched, launch } from './process/launch.ts';
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
import {
  type Exit,
  type MainProcess,
  type RunRequest,
  type Runtime,
  StartError,
  type StartRequest,
} from './runtime.ts';

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
  readonly #closed = new AbortController();
  #site: Site | null = null;
  #tending = false;

  constructor(options: ProcessRuntimeOptions) {
    const report = (error: Error) => process.emitWarning(error);
    this.#options = { journalBytes: 10 * 1024 * 1024, controlGroups: true, report, ...options };
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
    const { unit, hash, token } = request;
    const files = await this.#cleared(unit);
    const { shimEnded, unref } = await this.#launch(request, files, files.main, { hash, token });
    unref();
    const main = new SupervisedMain(files.main, await recordOf(files.main));
    shimEnded.then(() => main.check()).catch(this.#options.report);
    return this.#supervise(unit, main);
  }

  async run(request: RunRequest, abort: AbortSignal): Promise<Exit> {
    const files = filesOf(this.#siteReady(), request.unit);
    await makeDirectory(files);
    const record = controlRecord(files);
    const { shimEnded } = await this.#launch(request, files, record, { hash: '-', token: 0 });
    const { group: _, ...tree } = await recordOf(record);
    await endedOrAborted(shimEnded, abort);
    // Not the control group: it holds the main process too.
    if (abort.aborted) await signalTree(tree, signalNumber('SIGKILL'));
    await shimEnded;
    const { exit } = await recordOf(record);
    await rm(record, { force: true });
    return exit ?? { kind: 'lost', reason: 'the shim that watched it was killed' };
  }

  async adopt({ unit, hash }: { unit: string; hash: string }): Promise<MainProcess | null> {
    const known = this.#mains.get(unit);
    if (known?.record.hash === hash) return known;
    const site = this.#siteReady();
    const { main: path } = filesOf(site, unit);
    const record = await readRecord(path);
    if (record?.hash !== hash) return null;
    const main = new SupervisedMain(path, record);
    if (record.bootId === site.bootId) main.watchRecord(this.#options.report);
    else main.outlived({ kind: 'lost', reason: 'the machine was restarted' });
    await main.check();
    return this.#supervise(unit, main);
  }

  async list(): Promise<string[]> {
    return unitsIn(this.#siteReady());
  }

  async remove(unit: string): Promise<void> {
    await removeDirectory(await this.#cleared(unit));
  }

  journal(unit: string, options: { lines: number; follow: boolean; signal: AbortSignal }): AsyncIterable<string> {
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
      const { group = null } = (await readRecord(record)) ?? {};
      if (group !== null) await destroyGroup(group, clock);
      await rm(record, { force: true });
    }
    if (files.group !== null) await destroyGroup(files.group, clock);
    this.#mains.delete(unit);
    return files;
  }

  async #launch(
    request: RunRequest,
    files: UnitFiles,
    record: string,
    identity: { hash: string; token: number },
  ): Promise<Launched> {
    const { bootId, shim } = this.#siteReady();
    const { clock, journalBytes } = this.#options;
    const [execution, isNew] = await Promise.all([prepareExecution(request), makeDirectory(files)]);
    if (!isNew) await rotateJournal(files.journal, journalBytes);
    const group = files.group !== null && (await createGroup(files.group)) ? files.group : null;
    const paths = { shim, record, journal: files.journal, group };
    return launch(paths, formatIdentity({ bootId, ...identity }), execution, clock).catch(async (error) => {
      // What was never executed has not ended either.
      await rm(record, { force: true });
      throw error;
    });
  }

  #supervise(unit: string, main: SupervisedMain): SupervisedMain {
    this.#mains.set(unit, main);
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
        const { journal } = filesOf(this.#siteReady(), unit);
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
