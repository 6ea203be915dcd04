/** `[Timer]`: what starts a unit, and when. Semantics: systemd.timer(5). */
import { type CalendarSpec, parseCalendar } from './calendar.ts';
import type { DirectiveReader } from './directiveReader.ts';
import { parseTimeSpan } from './timeSpan.ts';
import { readTarget } from './triggerTarget.ts';
import type { UnitName } from './unitName.ts';
import { type Parsed, parseBoolean } from './values.ts';

export interface TimerSpec {
  /** Each elapses by itself. */
  triggers: TimerTrigger[];
  /** The unit that it starts. */
  unit: string;
  /** What elapses while no machine has the timer is made up for. */
  persistent: boolean;
  /** Each elapse is put off by up to this. */
  randomizedDelayMs: number;
  /** By always the same. */
  fixedRandomDelay: boolean;
  /** It stays active when nothing is to come any more. */
  remainAfterElapse: boolean;
}

export type TimerTrigger =
  | { kind: 'calendar'; calendar: CalendarSpec }
  /** After: the timer became active, the machine booted, the unit was last started, was last done. */
  | { kind: MonotonicKind; afterMs: number };

export type MonotonicKind = 'active' | 'boot' | 'unitActive' | 'unitInactive';

const section = 'Timer';

/** The agent belongs to the machine's system: it starts with it, so that both mean the boot. */
const monotonic: Record<string, MonotonicKind> = {
  OnActiveSec: 'active',
  OnBootSec: 'boot',
  OnStartupSec: 'boot',
  OnUnitActiveSec: 'unitActive',
  OnUnitInactiveSec: 'unitInactive',
};

export function readTimer(reader: DirectiveReader, unit: UnitName): TimerSpec {
  const triggers = readTriggers(reader);
  if (triggers.length === 0) {
    reader.report('error', undefined, 'the timer never elapses: write OnCalendar= or one of On…Sec= in [Timer]');
  }
  reader.value(section, 'AccuracySec', parseTimeSpan, 60_000);
  return {
    triggers,
    unit: readTarget(reader, section, unit),
    persistent: reader.value(section, 'Persistent', parseBoolean, false),
    randomizedDelayMs: reader.value(section, 'RandomizedDelaySec', parseFinite, 0),
    fixedRandomDelay: reader.value(section, 'FixedRandomDelay', parseBoolean, false),
    remainAfterElapse: reader.value(section, 'RemainAfterElapse', parseBoolean, true),
  };
}

/** An empty assignment to any of them forgets all that stood before. */
function readTriggers(reader: DirectiveReader): TimerTrigger[] {
  return reader.list(section, 'OnCalendar', ...Object.keys(monotonic)).flatMap((option): TimerTrigger[] => {
    const text = reader.expand(option, option.value);
    const kind = monotonic[option.name];
    if (kind === undefined) {
      const calendar = reader.parse<CalendarSpec | null>(option, text, parseCalendar, null);
      return calendar === null ? [] : [{ kind: 'calendar', calendar }];
    }
    const afterMs = reader.parse<number | null>(option, text, parseFinite, null);
    return afterMs === null ? [] : [{ kind, afterMs }];
  });
}

function parseFinite(text: string): Parsed<number> {
  const span = parseTimeSpan(text);
  if ('error' in span) return span;
  return span.value === null ? { error: 'must be finite' } : { value: span.value };
}
