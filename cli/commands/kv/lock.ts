import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { claim, type KvClaim } from '../../../shared/bus/kvClaim.ts';
import { type KvSession, openSession } from '../../../shared/bus/kvSession.ts';
import { textOfBytes } from '../../../shared/domain/kvKeys.ts';
import { exitCode, FailureError } from '../../errors.ts';
import { keyOf, ttlOf } from '../../kv/arguments.ts';
import { untilInterrupted } from '../../kv/interrupt.ts';
import { base64, printResult } from '../../kv/output.ts';
import { orFail, withStore } from '../../kv/store.ts';
import type { Invocation } from '../../verb.ts';

/** Holds a lock until it is interrupted, or as long as a command runs, whose exit code is then its own. */
export async function lock(call: Invocation): Promise<number> {
  const [name, ...command] = call.args;
  return withStore(call, async (store) => {
    const interrupted = untilInterrupted();
    const session = orFail(await openSession(store, { ttlS: ttlOf(call.options) })).response;
    try {
      const held = orFail(await claim(store, { session, name: keyOf(name), signal: interrupted })).response;
      return await (command.length > 0 ? runUnder(session, held, command) : hold(call, { session, held, interrupted }));
    } finally {
      await session.close();
    }
  });
}

interface Holding {
  session: KvSession;
  held: KvClaim;
  interrupted: AbortSignal;
}

async function hold(call: Invocation, { session, held, interrupted }: Holding): Promise<number> {
  const { key, token } = held;
  printResult(call, { json: () => ({ key: base64(key), token }), simple: () => [key] });
  const over = AbortSignal.any([interrupted, session.lost]);
  if (!over.aborted) await once(over, 'abort');
  if (session.lost.aborted) throw lostLock(session);
  return exitCode.done;
}

function lostLock({ lost }: KvSession): FailureError {
  return new FailureError(`the lock is lost: ${lost.reason instanceof Error ? lost.reason.message : lost.reason}`);
}

/** A command that runs on after the lock is lost would run beside the next holder's: it is told to stop. */
async function runUnder(session: KvSession, held: KvClaim, [program = '', ...args]: string[]): Promise<number> {
  const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...environmentOf(held) } });
  const stop = () => void child.kill('SIGTERM');
  session.lost.addEventListener('abort', stop, { once: true });
  // Ctrl-C reaches it by itself; what is sent to this process alone it does not hear of.
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void child.kill(signal));
  const [code, signal] = await Promise.race([
    once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>,
    once(child, 'error').then(([cause]) => {
      throw new FailureError(`${program} could not be started: ${cause.message}`, { cause });
    }),
  ]);
  if (session.lost.aborted) throw lostLock(session);
  // As shells report what a signal ended.
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
}

/** The names that etcdctl has, and the token by its own. */
function environmentOf({ key, token }: KvClaim): Record<string, string> {
  return {
    ETCD_LOCK_KEY: textOfBytes(key) ?? key,
    ETCD_LOCK_REV: String(token),
    FLOTILLA_LOCK_TOKEN: String(token),
  };
}
