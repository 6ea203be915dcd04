import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { NoticeBoard } from './noticeBoard.ts';

describe('a notice board', () => {
  it('that is for every user of the machine is reached by them, whoever made the directories above it', async (t) => {
    const base = await mkdtemp(join(tmpdir(), 'flotilla-boards-'));
    t.after(() => rm(base, { recursive: true }));
    const boards = join(base, 'owner');
    mkdirSync(boards);
    for (const path of [base, boards]) chmodSync(path, 0o700);
    const board = new NoticeBoard(boards, 'a.service', assert.fail);
    board.prepare('machine');
    for (const path of [base, boards, board.directory, dirname(board.socket)]) {
      assert.equal(statSync(path).mode & 0o777, 0o711, path);
    }
  });
});
