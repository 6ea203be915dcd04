/** sd_notify(3) for containers: the directory of the unit's socket is mounted into its container. */
import type { Mount } from '../../../../shared/domain/dockerMounts.ts';
import { type CreateBody, lastOfEach } from '../../../../shared/domain/dockerRun.ts';
import type { ServiceSpec } from '../../../../shared/domain/unitSpec.ts';
import { type ListenTo, listenFor } from '../notify/listener.ts';
import { boardsOf, NoticeBoard } from '../notify/noticeBoard.ts';
import { notifyVariables } from '../notify/notifyVariables.ts';

/** Where podman's containers have theirs, too. */
const place = '/run/notify';

export interface ContainerBoards {
  of(unit: string): NoticeBoard;
}

/** @param report told of what goes wrong while a board is watched. */
export function createBoards(node: string, report: (error: Error) => void): ContainerBoards {
  const directory = boardsOf(`docker ${node}`);
  return { of: (unit) => new NoticeBoard(directory, unit, report) };
}

/** Whose messages count; null: nobody listens. */
export function listenTo({ notifyAccess }: ServiceSpec, { HostConfig }: CreateBody): ListenTo | null {
  if (notifyAccess === 'none') return null;
  if (notifyAccess === 'all') return 'any';
  // An init stands before the main process.
  return HostConfig.Init === true ? 'init' : 'first';
}

/** The body of a container that finds the socket in its environment. A directory, so that it may be bound anew. */
export function withSocket(body: CreateBody, board: NoticeBoard, service: ServiceSpec): CreateBody {
  const variables = notifyVariables(service, `${place}/notify`);
  const env = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  // Not `Binds`: there an engine that does not see the directory (it is on another machine) makes an empty one.
  const mount: Mount = { Type: 'bind', Source: board.socketDirectory, Target: place, ReadOnly: true };
  const { HostConfig, Env = [] } = body;
  return {
    ...body,
    Env: lastOfEach([...Env, ...env]),
    HostConfig: { ...HostConfig, Mounts: [...(HostConfig.Mounts ?? []), mount] },
  };
}

/** Before the container starts: a board for it alone, and somebody who listens. */
export async function openBoard(board: NoticeBoard, to: ListenTo): Promise<void> {
  board.prepare('mount');
  try {
    await listenFor(board, to);
  } catch (error) {
    board.remove();
    throw error;
  }
}

/** What an earlier agent's container has said, and somebody who listens as long as it runs; absent: it may not talk. */
export async function resumeBoard(
  board: NoticeBoard,
  to: string | undefined,
  isRunning: boolean,
): Promise<NoticeBoard | undefined> {
  if (to === undefined || !board.exists()) return undefined;
  if (isRunning) await listenFor(board, to as ListenTo);
  return board;
}
