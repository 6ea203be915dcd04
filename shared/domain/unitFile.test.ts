import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { canonicalText, lastOption, listOptions, maxUnitFileBytes, parseUnitFile } from './unitFile.ts';

function options(text: string): string[] {
  const { file, problems } = parseUnitFile(text);
  assert.deepEqual(problems, []);
  return file.options.map(({ section, name, value, line }) => `${line} [${section}] ${name}=${value}`);
}

function problems(input: string | Uint8Array): string[] {
  return parseUnitFile(input).problems.map(({ line, message }) => `${line ?? '-'} ${message}`);
}

/** Files made of what matters in their syntax, in any order. */
const files = fc
  .array(
    fc.constantFrom(
      '[Unit]',
      '[Service]',
      '[X-A]',
      '[',
      'A=',
      'A',
      'B = ',
      '=',
      'b',
      ' ',
      '\t',
      '\\',
      '\\\\',
      '#',
      ';',
      '\n',
      '\n',
      '\n',
      '\r\n',
      '\n\r',
      '\ufeff',
      'é',
      '"',
    ),
    { maxLength: 40 },
  )
  .map((pieces) => `[Unit]\nA=1\n${pieces.join('')}`);

describe('unit files', () => {
  it('white space around names and values does not count, empty lines and comments neither', () => {
    assert.deepEqual(options('\n# c\n[Unit]\n\n  ; c=d\n Description \t=  two  words \t\n'), [
      '6 [Unit] Description=two  words',
    ]);
  });

  it('a backslash at the end continues the line, over comments, until a line without one', () => {
    const text = '[Service]\nExecStart=/bin/a \\\n# why b\n  ; and c\n  b \\\n\tc\nType=simple\n';
    assert.deepEqual(options(text), ['2 [Service] ExecStart=/bin/a    b  \tc', '7 [Service] Type=simple']);
  });

  it('two backslashes at the end, or one before a blank, continue nothing', () => {
    assert.deepEqual(options('[A]\na=x\\\\\nb=y\\ \nc=z'), ['2 [A] a=x\\\\', '3 [A] b=y\\', '4 [A] c=z']);
  });

  it('lines may end as on any system, and a byte order mark may come first', () => {
    assert.deepEqual(options('\ufeff[A]\r\na=1\rb=2\n\rc=3'), ['2 [A] a=1', '3 [A] b=2', '4 [A] c=3']);
  });

  it('sections may be taken up again, and stand in the order first seen', () => {
    const { file } = parseUnitFile('[B]\nb=1\n[A]\na=1\n[B]\nb=2\n');
    assert.deepEqual(file.sections, [
      { name: 'B', line: 1 },
      { name: 'A', line: 3 },
    ]);
    assert.equal(canonicalText(file), '[B]\nb=1\nb=2\n\n[A]\na=1\n');
  });

  it('the last of several values counts, and an empty one empties a list', () => {
    const { file } = parseUnitFile('[S]\na=1\na=\na=2\nold=3\n[T]\na=9\n');
    assert.equal(lastOption(file, 'S', 'a', 'old')?.value, '3');
    const list = listOptions(file, 'S', 'a', 'old');
    assert.deepEqual(
      list.map(({ value }) => value),
      ['2', '3'],
    );
  });

  it('every wrong line is reported with its number', () => {
    assert.deepEqual(problems('a=1\n[Unit\nb=2\n[Service]\nrubbish\n=x\nok=1\n'), [
      '1 "a=1" stands in no section',
      '2 "[Unit" is no section header: write [Name]',
      '5 "rubbish" is no assignment: write Name=Value',
      '6 nothing stands before the "=" in "=x"',
    ]);
  });

  it('what is no unit file at all is said in one sentence', () => {
    assert.match(problems('').join(), /^- the unit file is empty/);
    assert.match(problems('# nothing\n[Unit]\n').join(), /empty/);
    assert.match(problems(Uint8Array.of(0x7f, 0x45, 0, 1)).join(), /^- the unit file is binary/);
    assert.match(problems(Uint8Array.of(0x5b, 0xff, 0x5d)).join(), /^- the unit file is not UTF-8/);
    assert.match(
      problems(new Uint8Array(maxUnitFileBytes + 1)).join(),
      /^- the unit file has 262145 bytes: at most 256 KiB/,
    );
  });

  it('continued lines stay as they are in the canonical text, without their comments', () => {
    const { file } = parseUnitFile('[A]\n# gone\na= x \\\n# gone too\n   y\nb=\n');
    assert.equal(canonicalText(file), '[A]\na=x \\\n   y\nb=\n');
  });

  it('no value swallows its neighbour in the canonical text', () => {
    for (const text of ['[A]\na=x\\ \nb=1\n', '[A]\na=x\\\n\nb=1\n', '[A]\nb=1\n[B]\nc=1\n[A]\na=x\\']) {
      const { file } = parseUnitFile(text);
      assert.deepEqual(meaning(parseUnitFile(canonicalText(file)).file), meaning(file));
    }
  });

  it('the canonical text of a canonical text is the same, and means the same', () => {
    fc.assert(
      fc.property(files, (text) => {
        const { file } = parseUnitFile(text);
        const canonical = canonicalText(file);
        const again = parseUnitFile(canonical).file;
        assert.equal(canonicalText(again), canonical);
        assert.deepEqual(meaning(again), meaning(file));
      }),
      { numRuns: 2000 },
    );
  });

  it('any bytes are read without an exception, and every problem has a line that exists', () => {
    const anything = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.string({ unit: 'binary', maxLength: 200 }), files);
    fc.assert(
      fc.property(anything, (input) => {
        const lines = typeof input === 'string' ? input.split(/\r\n|\n\r|\n|\r/).length : input.length + 1;
        for (const { line = 1 } of parseUnitFile(input).problems) assert.ok(line >= 1 && line <= lines);
      }),
    );
  });

  it('the largest files take time in proportion to their size', () => {
    for (const piece of [' ', '\\', '\\\n', 'a=\\\n', '[', '[A]\n', 'a=1\n', '#\n', '\t\n', '=', '"']) {
      const start = process.cpuUsage();
      parseUnitFile(`[Unit]\nA=1\nB=${piece.repeat(Math.floor((maxUnitFileBytes - 20) / piece.length))}x`);
      // Seconds of the processor, not of the clock: quadratic, they would be hundreds.
      assert.ok(process.cpuUsage(start).user < 3_000_000, `${JSON.stringify(piece)} took too long`);
    }
  });
});

/** Values section by section, which is what their order means. */
function meaning(file: ReturnType<typeof parseUnitFile>['file']): Record<string, string[]> {
  const sections: Record<string, string[]> = {};
  for (const { section, name, value } of file.options) {
    sections[section] = [...(sections[section] ?? []), `${name}=${value}`];
  }
  return sections;
}
