import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Column, renderTable } from './table.ts';

type Row = [string, string, string];
const columns: Column<Row>[] = [
  { head: 'UNIT', cell: ([unit]) => unit },
  { head: 'MACHINE', cell: ([, machine]) => machine },
  { head: 'SUB', cell: ([, , sub]) => sub },
];
const rows: Row[] = [
  ['redis.service', '113f16a7…/127.0.0.1', 'running'],
  ['web@1.service', '-', 'dead'],
];

test('columns are as wide as their widest cell and two blanks apart', () => {
  assert.deepEqual(renderTable(rows, columns, { columns: null, legend: true }), [
    'UNIT           MACHINE              SUB',
    'redis.service  113f16a7…/127.0.0.1  running',
    'web@1.service  -                    dead',
  ]);
});

test('without a legend there are only rows, and they take no room for it', () => {
  assert.deepEqual(renderTable([['a', 'b', 'c']], columns, { columns: null, legend: false }), ['a  b  c']);
});

test('no line is wider than the terminal', () => {
  const text = fc.string({ unit: 'grapheme-ascii', maxLength: 60 });
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text, text)), fc.integer({ min: 30, max: 120 }), (data, width) => {
      const lines = renderTable(data, columns, { columns: width, legend: true });
      assert.ok(lines.every((line) => line.length <= width));
      assert.equal(lines.length, data.length + 1);
    }),
  );
});

test('what comes from elsewhere cannot break the table, or do anything to the terminal', () => {
  const [line = ''] = renderTable([['a\nb', '\u001b[31mred\u001b[0m', '']], columns, { columns: null, legend: false });
  assert.equal(line, 'a b  red  -');
});

test('colour does not count as width', () => {
  const painted = columns.map((column) => ({ ...column, paint: (text: string) => `<${text}>` }));
  const [first] = renderTable(rows, painted, { columns: null, legend: false });
  assert.equal(first, '<redis.service>  <113f16a7…/127.0.0.1>  <running>');
});
