/** Who receives the messages of a container: nothing of the node's stands above its processes as a keeper would. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { keeperScript, perlPath } from '../process/keeper.ts';
import { StartError } from '../runtime.ts';
import type { NoticeBoard } from './noticeBoard.ts';

/** Whose messages count, in the keeper's words: everybody's in the container, or those of its main process. */
export type ListenTo = 'any' | 'first' | 'init';

/**
 * Resolves when somebody listens: who does already (he outlives the agent), or a new one, who goes on where the other
 * one was killed. The container sees the new one's socket, as it has the directory that it is in.
 * @throws {StartError} there is no Perl, or no process could be made.
 */
export async function listenFor(board: NoticeBoard, to: ListenTo): Promise<void> {
  const perl = perlPath();
  const script = join(board.directory, 'keeper.pl');
  writeFileSync(script, keeperScript);
  const args = [script, process.arch, board.notices, board.socket, to];
  const child = spawn(perl, args, { cwd: '/', env: {}, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  if (child.pid === undefined) throw new StartError(`no process could be made: ${(await once(child, 'error'))[0]}`);
  child.unref();
  const complaint = text(child.stderr);
  const said = await text(child.stdout);
  if (said !== 'ready\n') throw new StartError(`nobody can listen to the unit: ${(await complaint).trim()}`);
  child.stderr.destroy();
  await complaint.catch(() => undefined);
}
