// `node --import tsx test/golden/record.ts`: records the golden history anew. Do so only when a new kind of event, or a
// new schema version, has to be part of it: clusters out there have histories such as the old one, and must be able to
// replay them to the same state for ever.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replayGolden } from './replay.ts';
import { tellStory } from './scenario.ts';

const records = await tellStory();
await writeFile(
  join(import.meta.dirname, 'events.jsonl'),
  records.map((record) => `${JSON.stringify(record)}\n`).join(''),
);
await writeFile(join(import.meta.dirname, 'state.json'), replayGolden(records));
