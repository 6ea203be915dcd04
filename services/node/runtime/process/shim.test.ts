import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRecord, signalNumber } from './shim.ts';

const head = 'shim 71 (sh) S 1 71 71 0 -1 4194304 99 0 0 0 0 0 0 0 20 0 1 0 91352 3133440\nidentity b00t 42 h4sh\n';
const identity = { bootId: 'b00t', token: 42, hash: 'h4sh' };

describe("the shim's record", () => {
  it('tells who runs, where and for what', () => {
    const record = parseRecord(`${head}limit /memory/x\nlimit /pids/x\ngroup /sys/fs/cgroup/x y\nmain 72\n`);
    const { shim, ...rest } = record ?? assert.fail('not read');
    assert.deepEqual({ pid: shim.pid, startTime: shim.startTime }, { pid: 71, startTime: 91352 });
    assert.deepEqual(rest, {
      ...identity,
      said: '',
      group: '/sys/fs/cgroup/x y',
      limits: ['/memory/x', '/pids/x'],
      mainPid: 72,
    });
  });

  it('never says of a record that is still being written what the whole one does not say', () => {
    const text = `${head}main 7234\nKilled\nexit 137\n`;
    const whole = parseRecord(text);
    for (let length = 0; length < text.length; length++) {
      const { shim, mainPid, exit } = parseRecord(text.slice(0, length)) ?? {};
      if (shim) assert.deepEqual(shim, whole?.shim);
      if (mainPid !== undefined) assert.equal(mainPid, 7234);
      assert.equal(exit, undefined, text.slice(0, length));
    }
    assert.deepEqual(whole?.exit, { kind: 'killed', signal: 'SIGKILL' });
  });

  for (const [ended, exit] of [
    ['exit 0', { kind: 'exited', code: 0 }],
    ['exit 143', { kind: 'exited', code: 143 }],
    ['Terminated\nexit 143', { kind: 'killed', signal: 'SIGTERM' }],
    ['Segmentation fault (core dumped)\nexit 139', { kind: 'killed', signal: 'SIGSEGV' }],
    ['Real-time signal 3\nexit 165', { kind: 'killed', signal: 'SIGRTMIN+3' }],
    ['exit 130', { kind: 'killed', signal: 'SIGINT' }],
    ['exit 141', { kind: 'killed', signal: 'SIGPIPE' }],
    ['exit 255', { kind: 'exited', code: 255 }],
  ] as const) {
    it(`takes ${JSON.stringify(ended)} for ${JSON.stringify(exit)}`, () => {
      assert.deepEqual(parseRecord(`${head}main 72\n${ended}\n`)?.exit, exit);
    });
  }

  it('is nothing when it is something else', () => {
    for (const text of ['', '\n', 'main 72\n', 'shim nonsense\nidentity a 1 b\n'])
      assert.equal(parseRecord(text), null);
  });
});

describe('names of signals', () => {
  it('are those of signal(7), and SIGRTMIN+n', () => {
    assert.deepEqual(['SIGHUP', 'SIGKILL', 'SIGRTMIN', 'SIGRTMIN+3'].map(signalNumber), [1, 9, 34, 37]);
    for (const name of ['TERM', 'sigterm', 'toString', 'SIGRTMIN+x', ''])
      assert.throws(() => signalNumber(name), RangeError);
  });
});
