import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Change, checkWatch, type WatchLog } from './watch.ts';

const change = (revision: number, key: string, value = 'x'): Change => ({ revision, type: 'put', key, value });
const [a2, b2, a3, c4, a5] = [change(2, 'a'), change(2, 'b'), change(3, 'a'), change(4, 'c'), change(5, 'a')];
const history = [a2, b2, a3, c4, a5];

const watch = (messages: Change[][], more: Partial<WatchLog> = {}): WatchLog => ({
  startRevision: 2,
  covers: () => true,
  messages,
  through: 5,
  ...more,
});

const good: [what: string, log: WatchLog][] = [
  ['every change, in any number of messages', watch([[a2, b2], [a3, c4], [a5]])],
  ['from the start revision on', watch([[c4, a5]], { startRevision: 4 })],
  ['its keys alone', watch([[c4]], { covers: (key) => key === 'c' })],
  ['what came after the last look is not due', watch([[a2, b2]], { through: 2 })],
  ['but may have come', watch([[a2, b2, a3]], { through: 2 })],
];

for (const [what, log] of good) {
  test(`accepted: ${what}`, () => assert.deepEqual(checkWatch(history, log), []));
}

const bad: [what: string, log: WatchLog, problem: RegExp][] = [
  ['a miss at the end', watch([[a2, b2], [a3]]), /put c=x @4 is missing at the end, and 1 more/],
  [
    'a miss in the middle',
    watch([[a2, b2], [c4], [a5]]),
    /instead of put a=x @3 came put c=x @4, which was to come later/,
  ],
  ['a repeated change', watch([[a2, b2], [a3], [a3], [c4], [a5]]), /came put a=x @3, which came before/],
  [
    'two changes in the wrong order',
    watch([
      [b2, a2],
      [a3, c4, a5],
    ]),
    /instead of put a=x @2 came put b=x @2/,
  ],
  ['a split revision', watch([[a2], [b2, a3], [c4], [a5]]), /revision 2 is split/],
  ['a change before the start', watch([[a3, c4, a5]], { startRevision: 4 }), /put a=x @3, which was never to come/],
  ['a change that never was', watch([[a2, b2], [a3, c4, a5], [change(6, 'a')]]), /put a=x @6 was never to come/],
  ['another value', watch([[a2, b2], [change(3, 'a', 'y')], [c4, a5]]), /instead of put a=x @3 came put a=y @3/],
  [
    'a change of a key that is not watched',
    watch([[c4, a5]], { covers: (key) => key === 'c' }),
    /@5 was never to come/,
  ],
];

for (const [what, log, problem] of bad) {
  test(`found: ${what}`, () => assert.match(checkWatch(history, log).join('; '), problem));
}
