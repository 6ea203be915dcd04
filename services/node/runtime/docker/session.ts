/** `docker exec` for somebody at a keyboard, as a {@link Session}. */
import { type Clock, delay } from '../../../../shared/clock/clock.ts';
import { type Session, type SessionRequest, StartError } from '../runtime.ts';
import type { Engine, OpenExec } from './engine.ts';
import { readFrames } from './lines.ts';

const codePollMs = 20;
const hangUpMs = 2_000;

/** @throws {StartError | EngineError | EngineUnreachableError} */
export async function openContainerSession(
  { engine, clock }: { engine: Engine; clock: Clock },
  { container, argv, tty, interactive, unit }: SessionRequest,
): Promise<Session> {
  if (container === undefined) throw new StartError(`${unit} has no container`);
  const exec = await engine.openExec(container, { argv, tty, interactive, term: tty?.term });
  const { stream } = exec;
  // A command that has ended reads no more.
  stream.on('error', () => undefined);
  if (tty !== null) await exec.resize(tty).catch(() => undefined);
  return {
    output: output(exec, tty !== null),
    write: (data) =>
      new Promise((resolve) => {
        if (!stream.writable) resolve();
        else stream.write(data, () => resolve());
      }),
    endInput: () => void stream.end(),
    resize: (size) => exec.resize(size).catch(() => undefined),
    signal: (name) => signal(exec, name),
    async exitCode() {
      // The engine may know a moment later than the output ends.
      for (;;) {
        const { code } = await exec.state();
        if (code !== null) return code;
        await delay(clock, codePollMs);
      }
    },
    abandon() {
      stream.destroy();
      void hangUp(exec, clock).catch(() => undefined);
    },
  };
}

async function* output({ stream }: OpenExec, isTerminal: boolean): ReturnType<typeof readFrames> {
  if (isTerminal) for await (const data of stream) yield { stream: 'out', data: data as Uint8Array };
  else yield* readFrames(stream);
}

/** The engine has no signals for such commands. Where it runs on this machine, its process numbers are this machine's. */
async function signal(exec: OpenExec, name: string): Promise<void> {
  const { code, pid } = await exec.state();
  if (code !== null || pid === 0) return;
  try {
    process.kill(pid, name as NodeJS.Signals);
  } catch {
    // Not permitted, or the engine is elsewhere, or it has just ended.
  }
}

async function hangUp(exec: OpenExec, clock: Clock): Promise<void> {
  await signal(exec, 'SIGHUP');
  await delay(clock, hangUpMs);
  await signal(exec, 'SIGKILL');
}
