import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import type { Whole } from '../policy/controlSettings.ts';

/** What shares of units are shares of. The kernel has no more tasks than it has numbers for. */
export function readWhole(): Whole {
  return { memoryBytes: totalmem(), tasks: Number(readFileSync('/proc/sys/kernel/pid_max', 'utf8')) };
}
