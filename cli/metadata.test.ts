import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseMetadata, parseMetadataFile, readMetadata } from './metadata.ts';

test('any pairs that can be written come back', () => {
  const key = fc.stringMatching(/^[a-z][a-z0-9_.-]*$/);
  const value = fc.stringMatching(/^[a-z0-9=:/.-]*$/);
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(key, value), { selector: ([name]) => name }), (pairs) => {
      const text = pairs.map(([name, content]) => `${name}=${content}`).join(', ');
      assert.deepEqual(parseMetadata(text), Object.fromEntries(pairs));
    }),
  );
});

test('what is no pair, or a key twice, is a usage error', () => {
  assert.throws(() => parseMetadata('zone'), { name: 'UsageError', message: /"zone" is not of the form key=value/ });
  assert.throws(() => parseMetadata('=a'), { name: 'UsageError' });
  assert.throws(() => parseMetadata('a=1,a=2'), { name: 'UsageError', message: /--metadata: a stands there twice/ });
});

test('of a file all that is wrong is told, with its lines', () => {
  assert.deepEqual(parseMetadataFile('f', '# where it is\nzone=a\n\n  disk=\nrack=1=2\r\n; more'), {
    zone: 'a',
    disk: '',
    rack: '1=2',
  });
  assert.throws(() => parseMetadataFile('/etc/m', 'zone=a\nwhat\n#\nzone=b\n'), {
    name: 'UsageError',
    message: '/etc/m:2: "what" is not of the form key=value\n/etc/m:4: zone stands there twice',
  });
});

test('the flag goes before the file, which has to be there', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-metadata-'));
  t.after(() => rm(directory, { recursive: true }));
  const file = join(directory, 'metadata');
  await assert.rejects(readMetadata({ file, pairs: 'zone=b' }), {
    name: 'FailureError',
    message: /cannot be read: ENOENT/,
  });
  await writeFile(file, 'zone=a\ndisk=ssd\n');
  assert.deepEqual(await readMetadata({ file, pairs: 'zone=b' }), { zone: 'b', disk: 'ssd' });
  assert.deepEqual(await readMetadata({ file: undefined, pairs: undefined }), {});
});
