import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { limitPrefix, type OwnLimits, parseHardLimits, readOwnLimits, whyNotLimited } from './limitPrefix.ts';

const plain: OwnLimits = { nice: 0, oomScoreAdjust: 0, capabilities: 0n, hard: { NOFILE: '1024', CORE: 'infinity' } };
const root: OwnLimits = { ...plain, capabilities: 0x1ffffffffffn };

describe('an agent without rights', () => {
  it('may lower limits and be nicer', () => {
    const limits = {
      limits: { NOFILE: { soft: '10', hard: '1024' }, CORE: { soft: '0', hard: 'infinity' } },
      nice: 5,
      oomScoreAdjust: 100,
    };
    assert.equal(whyNotLimited(limits, plain), null);
  });

  for (const [limits, what] of [
    [
      { limits: { NOFILE: { soft: '10', hard: '1025' } } },
      /^LimitNOFILE=1025, above the agent’s own 1024: .*CAP_SYS_RESOURCE/,
    ],
    [{ limits: { NOFILE: { soft: '10', hard: 'infinity' } } }, /^LimitNOFILE=infinity.*run the node as root/],
    [{ limits: {}, nice: -1 }, /^Nice=-1: .*CAP_SYS_NICE/],
    [{ limits: {}, oomScoreAdjust: -5 }, /^OOMScoreAdjust=-5/],
    [{ limits: {}, cpuPolicy: 'rr' }, /^CPUSchedulingPolicy=rr/],
    [{ limits: {}, ioClass: 'realtime' }, /^IOSchedulingClass=realtime/],
  ] as const) {
    it(`may not do ${JSON.stringify(limits)}, and says so; root may`, () => {
      assert.match(whyNotLimited(limits, plain) ?? '', what);
      assert.equal(whyNotLimited(limits, root), null);
    });
  }
});

describe('the programs before a command', () => {
  it('are none where nothing is asked for', () => {
    assert.deepEqual(limitPrefix({ limits: {} }, root), []);
    assert.deepEqual(limitPrefix({ limits: {}, cpuPolicy: 'other' }, root), []);
  });

  it('make it as nice as it is to be, whatever the agent is', () => {
    assert.deepEqual(limitPrefix({ limits: {}, nice: 5 }, { ...root, nice: 10 }), ['/usr/bin/nice', '-n', '-5', '--']);
  });
});

describe('the kernel’s table of limits', () => {
  it('is read whole', () => {
    assert.deepEqual(
      parseHardLimits(
        'Limit  Soft Limit  Hard Limit  Units\nMax open files   20000   524288   files\nMax cpu time  unlimited  unlimited  seconds\n',
      ),
      {
        NOFILE: '524288',
        CPU: 'infinity',
      },
    );
    assert.equal(Object.keys(readOwnLimits().hard).length, 16);
  });
});
