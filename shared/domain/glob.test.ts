import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { globProblem, matchesGlob } from './glob.ts';

/** The same glob as a regular expression. */
function asRegExp(pattern: string): RegExp {
  const source = pattern.replace(/\[[!^]|[\\.*?^]/g, (part) => {
    if (part === '*') return '.*';
    if (part === '?') return '.';
    return part.startsWith('[') ? '[^' : `\\${part}`;
  });
  return new RegExp(`^(?:${source})$`, 's');
}

describe('globs', () => {
  it('match as the same regular expression does', () => {
    const piece = fc.constantFrom('*', '?', 'a', 'b', '.', '[ab]', '[^a]', '[!b]', '[a-c]', '@', '\\');
    const pattern = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));
    const text = fc.string({ unit: fc.constantFrom(...'abcd.@\\'), maxLength: 8 });
    fc.assert(
      fc.property(pattern, text, (glob, name) => assert.equal(matchesGlob(glob, name), asRegExp(glob).test(name))),
      { numRuns: 3000 },
    );
  });

  it('every text matches itself, as unit names have no characters of globs', () => {
    const name = fc.string({ unit: fc.constantFrom(...'abz09:-_.@\\') });
    fc.assert(fc.property(name, (text) => matchesGlob(text, text)));
  });

  it('name the units that one expects', () => {
    assert.ok(matchesGlob('web@*.service', 'web@1.service'));
    assert.ok(!matchesGlob('web@*.service', 'web.service'));
    assert.ok(matchesGlob('web@[0-9].service', 'web@7.service'));
    assert.ok(matchesGlob('[]x]', ']'));
  });

  it('a set that is never closed is a problem and matches only itself', () => {
    assert.match(globProblem('web[0-9') ?? '', /never closed/);
    assert.match(globProblem('a[]') ?? '', /never closed/);
    assert.equal(globProblem('web[0-9]*'), null);
    assert.ok(!matchesGlob('web[0', 'web0'));
    assert.ok(matchesGlob('web[0', 'web[0'));
  });

  it('many stars do not make it slow', () => {
    const start = performance.now();
    assert.ok(!matchesGlob('*a'.repeat(100), 'a'.repeat(99).concat('b'.repeat(150))));
    assert.ok(performance.now() - start < 200);
  });
});
