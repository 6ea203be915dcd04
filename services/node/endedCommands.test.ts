import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EndedCommands } from './endedCommands.ts';

describe('the commands of a unit that have ended', () => {
  it('are told in the order in which they ended, each as it ended last', () => {
    const ended = new EndedCommands();
    ended.note('execReload', { line: '/bin/kill -HUP $MAINPID', pid: 3, exit: { kind: 'exited', code: 1 } });
    ended.note('execStartPost', { line: '/bin/true', exit: { kind: 'killed', signal: 'SIGKILL' } });
    ended.note('execReload', { line: '/bin/kill -HUP $MAINPID', pid: 4, exit: { kind: 'exited', code: 0 } });
    assert.deepEqual(ended.list(), [
      { directive: 'ExecStartPost', line: '/bin/true', exit: { signal: 'SIGKILL' } },
      { directive: 'ExecReload', line: '/bin/kill -HUP $MAINPID', pid: 4, exit: { code: 0 } },
    ]);
  });

  it('say nothing of an end that nobody saw', () => {
    const ended = new EndedCommands();
    ended.note('execStart', { line: '/bin/true', pid: 3, exit: { kind: 'lost', reason: 'the machine was restarted' } });
    assert.deepEqual(ended.list(), []);
  });
});
