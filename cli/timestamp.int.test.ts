import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { parseTimestamp } from './timestamp.ts';

const run = promisify(execFile);

/** What systemd makes of each, µs since 1970; null: nothing. */
async function judge(texts: string[]): Promise<(number | null)[]> {
  const { stdout } = await run('systemd-analyze', ['timestamp', '--', ...texts], {
    env: { ...process.env, LC_ALL: 'C' },
  }).catch((error: { stdout: string }) => error);
  const blocks = stdout.split(/^\s*Original form: /m).slice(1);
  return texts.map((text) => {
    const block = blocks.find((each) => each.split('\n', 1)[0] === text);
    const seconds = /UNIX seconds: @([\d.]+)/.exec(block ?? '')?.[1];
    return seconds === undefined ? null : Number(seconds) * 1000;
  });
}

describe('moments', { timeout: 60_000 }, () => {
  it('are what systemd-analyze timestamp says they are', async () => {
    const two = (n: number) => String(n).padStart(2, '0');
    const date = fc
      .tuple(fc.integer({ min: 1971, max: 2090 }), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 28 }))
      .map(([y, m, d]) => `${y}-${two(m)}-${two(d)}`);
    const time = fc
      .tuple(fc.nat(23), fc.nat(59), fc.option(fc.nat(59)), fc.boolean())
      .map(([h, m, s, half]) => `${two(h)}:${two(m)}${s === null ? '' : `:${two(s)}${half ? '.5' : ''}`}`);
    const zone = fc.constantFrom('', ' UTC');
    const fixed = fc
      .tuple(date, fc.option(time), zone)
      .map(([day, clock, where]) => (clock === null ? day + where : `${day} ${clock}${where}`));
    const texts = [
      ...new Set([
        ...fc.sample(fixed, 150),
        'Fri 2012-11-23 11:12:13',
        'Thu 2012-11-23',
        '12-11-23 11:12',
        '@1395716396',
        '2012-13-01',
        '2012-02-31',
        '25:00',
        'nonsense',
      ]),
    ];
    const wanted = await judge(texts);
    // An offset of the zone that is no whole second is none.
    for (const [i, text] of texts.entries()) assert.equal(parseTimestamp(text, Date.now()), wanted[i], text);
    assert.ok(wanted.filter((each) => each !== null).length > 140);
  });

  it('that depend on now are as far from it as systemd says', async () => {
    const texts = [
      'now',
      'today',
      'yesterday',
      'tomorrow',
      '03:04',
      '-1h',
      '+5min',
      '2h ago',
      '3min left',
      '-1h 30min',
    ];
    const before = Date.now();
    const wanted = await judge(texts);
    for (const [i, text] of texts.entries()) {
      const at = parseTimestamp(text, before);
      assert.ok(at !== null && Math.abs(at - Number(wanted[i])) < 20_000, `${text}: ${at}, not ${wanted[i]}`);
    }
  });
});
