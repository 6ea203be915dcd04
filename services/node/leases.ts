/** The leases of a node as a process has them: kept in a file for its next start, and guarded while it is not there. */
import { spawn } from 'node:child_process';
import { systemClock } from '../../shared/clock/systemClock.ts';
import { LeaseFile, readLeases, sinceBoot } from './leaseFile.ts';
import { LeaseKeeper } from './leaseKeeper.ts';

export interface LeaseOptions {
  directory: string;
  bootId: string;
  dockerSocket?: string;
  onError: (error: unknown) => void;
}

const respawnMs = 1_000;
/** So long ago that every lease is over: JSON has no −∞. */
const neverRenewed = Number.MIN_SAFE_INTEGER;

/** A keeper that goes on with the leases of this machine's agent before. */
export async function keepLeases({ directory, bootId, dockerSocket, onError }: LeaseOptions): Promise<LeaseKeeper> {
  const left = await readLeases(directory);
  const guard = new Guard([
    ...['lease-guard', '--dir', directory],
    ...(dockerSocket === undefined ? [] : ['--docker-socket', dockerSocket]),
  ]);
  const file = await LeaseFile.open(directory);
  return new LeaseKeeper({
    clock: systemClock,
    ...(left?.bootId === bootId ? { renewedAt: systemClock.monotonicNow() - (sinceBoot() - left.renewedAt) } : {}),
    onChange: ({ renewedAt, holders }) => {
      const units = [...holders].map(([unit, { hash, terms }]) => ({ unit, hash, ...terms }));
      const ageMs = systemClock.monotonicNow() - renewedAt;
      file.write({ bootId, renewedAt: Number.isFinite(ageMs) ? sinceBoot() - ageMs : neverRenewed, units });
      guard.keep(units.length > 0);
    },
    onError,
  });
}

/** The process of `guard/main.ts`. It ends by itself when there are no leases; until then it is started again. */
class Guard {
  readonly #args: readonly string[];
  #isWanted = false;
  #isRunning = false;

  constructor(args: readonly string[]) {
    this.#args = args;
  }

  keep(isWanted: boolean): void {
    this.#isWanted = isWanted;
    if (isWanted && !this.#isRunning) this.#start();
  }

  #start(): void {
    this.#isRunning = true;
    // This very program, in a session of its own: it is to survive whoever kills the agent.
    const program = [...process.execArgv, process.argv[1] ?? ''];
    const child = spawn(process.execPath, [...program, ...this.#args], { detached: true, stdio: 'ignore', cwd: '/' });
    const again = () => void systemClock.setTimeout(() => this.#restart(), respawnMs);
    child.once('exit', again);
    child.once('error', again);
    child.unref();
  }

  #restart(): void {
    this.#isRunning = false;
    this.keep(this.#isWanted);
  }
}
