import { systemClock } from '../../shared/clock/systemClock.ts';
import type { Event } from '../../shared/domain/events.ts';
import { matchesGlob } from '../../shared/domain/glob.ts';
import type { LogRecord } from '../../shared/log/eventLog.ts';
import { readHistory } from '../../shared/log/history.ts';
import { decodeCommit } from '../../shared/protocol/commit.ts';
import { withClient } from '../client.ts';
import { exitCode } from '../errors.ts';
import { parseMoment } from '../moment.ts';
import { renderEvent } from '../timeline.ts';
import { withType } from '../unitNames.ts';
import type { Invocation } from '../verb.ts';

/** Prints the log: a line an event for people, a line a commit for programs. */
export async function events(call: Invocation): Promise<number> {
  const { options, io } = call;
  const when = options.text('since');
  const since = when === undefined ? {} : { since: parseMoment('--since', when, systemClock.now()) };
  const concerns = filterOf(options.text('unit'));
  const render = options.flag('json')
    ? renderCommit
    : (record: LogRecord, wanted: Filter) => renderLines(record, wanted, io.colour);
  return withClient(call, async (client) => {
    const log = await client.openLog();
    for await (const record of readHistory(log, { ...since, follow: options.flag('follow') })) {
      for (const line of render(record, concerns)) io.out(line);
    }
    return exitCode.done;
  });
}

type Filter = (event: Event) => boolean;

/** Events of machines concern all units, but are no unit's own. */
function filterOf(unit: string | undefined): Filter {
  if (unit === undefined) return () => true;
  const pattern = withType(unit);
  return (event) => 'unit' in event && matchesGlob(pattern, event.unit);
}

function renderLines({ seq, data }: LogRecord, concerns: Filter, colour: boolean): string[] {
  const commit = decodeCommit(data);
  return commit.events.filter(concerns).map((event) => renderEvent(commit, seq, event, colour));
}

/** The commit exactly as it is stored, with its place on the log before it. */
function renderCommit({ seq, subject, data }: LogRecord, concerns: Filter): string[] {
  if (!decodeCommit(data).events.some(concerns)) return [];
  const stored = new TextDecoder().decode(data);
  return [`{"seq":${seq},"subject":${JSON.stringify(subject)},${stored.slice(stored.indexOf('{') + 1)}`];
}
