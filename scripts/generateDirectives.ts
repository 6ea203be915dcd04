// Writes docs/directives.md, docs/docker-options.md and docs/states.md anew (`npm run generate`): after a change of what they show.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { directivesPage } from './support/directivesPage.ts';
import { dockerPage } from './support/dockerPage.ts';
import { statesPage } from './support/statesPage.ts';

await writeFile(join(import.meta.dirname, '../docs/directives.md'), directivesPage());
await writeFile(join(import.meta.dirname, '../docs/docker-options.md'), dockerPage());
await writeFile(join(import.meta.dirname, '../docs/states.md'), statesPage());
