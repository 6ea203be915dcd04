import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { directivesPage } from './support/directivesPage.ts';
import { dockerPage } from './support/dockerPage.ts';
import { statesPage } from './support/statesPage.ts';

test('docs/directives.md says what the tables say', async () => {
  const page = await readFile(join(import.meta.dirname, '../docs/directives.md'), 'utf8');
  assert.equal(page, directivesPage(), 'write it anew: npm run generate');
});

test('docs/docker-options.md says what the tables say', async () => {
  const page = await readFile(join(import.meta.dirname, '../docs/docker-options.md'), 'utf8');
  assert.equal(page, dockerPage(), 'write it anew: npm run generate');
});

test('docs/states.md shows the chart of a unit as it is', async () => {
  const page = await readFile(join(import.meta.dirname, '../docs/states.md'), 'utf8');
  assert.equal(page, statesPage(), 'write it anew: npm run generate');
});
