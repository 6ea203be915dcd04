import { connectNats } from '../../shared/bus/natsConnection.ts';
import { systemClock } from '../../shared/clock/systemClock.ts';
import { BrokenChainError } from '../../shared/log/fold.ts';
import { NotFreshError } from '../../shared/log/jetStreamRestore.ts';
import { CorruptCommitError, NewerSchemaError } from '../../shared/protocol/upcasts.ts';
import { BackupDamagedError } from '../backup/entries.ts';
import { checkBackup, restoreBackup } from '../backup/restoreBackup.ts';
import { takeBackup } from '../backup/takeBackup.ts';
import { findEndpoint } from '../endpoint.ts';
import { exitCode, FailureError } from '../errors.ts';
import type { Invocation } from '../verb.ts';

const defaultSkip = 10_000;
const mostSkip = 10_000_000;

/** Writes the whole history to a file, and reads it back. */
export async function backup(call: Invocation): Promise<number> {
  const { io } = call;
  const path = call.args[0] ?? '';
  return withLink(call, async (link) => {
    const onProgress = (records: number) => io.progress(`${records} commits`);
    await takeBackup({ link, path, at: systemClock.now(), onProgress });
    const { records, projection } = await checkBackup(path, (what) => io.progress(what));
    io.progress(null);
    io.out(`${path} has ${records} commits, up to sequence ${projection.seq}, and was read back without a fault`);
    return exitCode.done;
  });
}

/** Brings the history in a file to a cluster that has none. */
export async function restore(call: Invocation): Promise<number> {
  const { io, options } = call;
  const path = call.args[0] ?? '';
  const skip = options.count('skip', { min: 0, max: mostSkip }) ?? defaultSkip;
  const replicas = options.count('replicas', { min: 1, max: 5 });
  const ids = await call.loadIds();
  return withLink(call, async (link) => {
    const onProgress = (what: string) => io.progress(what);
    const at = systemClock.now();
    const { records, projection, about } = await restoreBackup({ link, path, skip, replicas, at, ids, onProgress });
    io.progress(null);
    io.out(
      `${records} commits are restored, as of ${new Date(about.at).toISOString()}, and were read back without a fault`,
    );
    io.out(`the history ends at sequence ${projection.seq}; it goes on after ${projection.seq + skip}`);
    io.out(
      'what happened after the backup is lost: nodes stop units that the backup does not know when a scheduler leads',
    );
    return exitCode.done;
  });
}

async function withLink(
  { options, io }: Invocation,
  use: (link: Awaited<ReturnType<typeof connectNats>>) => Promise<number>,
): Promise<number> {
  const link = await connectNats({ ...(await findEndpoint(options, io.env)), name: 'flotilla backup' });
  try {
    return await use(link);
  } catch (error) {
    io.progress(null);
    throw refusalOf(error);
  } finally {
    await link.close();
  }
}

function refusalOf(cause: unknown): unknown {
  if (cause instanceof NotFreshError) {
    const details = [
      'restore only to NATS servers without a history, while no scheduler and no store runs (docs/recovery.md)',
    ];
    return new FailureError(cause.message, { details, cause });
  }
  const isDamaged =
    cause instanceof BackupDamagedError ||
    cause instanceof BrokenChainError ||
    cause instanceof CorruptCommitError ||
    cause instanceof NewerSchemaError;
  if (isDamaged) return new FailureError(cause.message, { cause });
  const { code, syscall, path } = cause as NodeJS.ErrnoException;
  return syscall === undefined ? cause : new FailureError(`${path ?? 'the file'} cannot be used: ${code}`, { cause });
}
