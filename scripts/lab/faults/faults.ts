import { diskFaults } from './disks.ts';
import type { Fault } from './fault.ts';
import { networkFaults } from './network.ts';
import { processFaults, restartsOfNats } from './processes.ts';

/** Everything that the lab can do to a cluster. */
export const faults: readonly Fault[] = [...networkFaults, ...processFaults, ...diskFaults];

/** What an operator does every day, and no machine may be taken for lost over. */
export const calmFaults: readonly Fault[] = restartsOfNats;
