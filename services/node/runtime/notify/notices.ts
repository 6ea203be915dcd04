/**
 * What a service has told its manager, sd_notify(3): for each variable the last value, and how it stands in the order of
 * all messages. Of what was said while nobody listened, that is what still counts.
 */
export interface Notices {
  /** Which message said it last, counted from 1; 0: none did. */
  ready: number;
  reloading: number;
  stopping: number;
  watchdog: number;
  extended: number;
  /** `WATCHDOG=trigger`: it says itself that it hangs. */
  watchdogTriggered: boolean;
  /** `EXTEND_TIMEOUT_USEC=`, ms. */
  extendMs: number;
  mainPid?: number;
  status?: string;
  /** `ERRNO=`. */
  errno?: number;
}

/** Where a service's notices are found, and who wants to know. */
export interface NoticeSource {
  current(): Notices;
  /** Tells of each change from now on; what is returned ends that. */
  watch(onChange: () => void): () => void;
}

export const noNotices: Notices = {
  ready: 0,
  reloading: 0,
  stopping: 0,
  watchdog: 0,
  extended: 0,
  watchdogTriggered: false,
  extendMs: 0,
};

/** Reads what the keeper writes: `SEQUENCE NAME=value`, one variable a line. What cannot be meant counts as not said. */
export function parseNotices(text: string): Notices {
  const said = new Map<string, { seq: number; value: string }>();
  for (const line of text.split('\n')) {
    const [, seq, name, value] = /^(\d+) ([A-Z_]+)=(.*)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) said.set(name, { seq: Number(seq), value });
  }
  const at = (name: string, ...values: string[]) => {
    const entry = said.get(name);
    return entry && (values.length === 0 || values.includes(entry.value)) ? entry.seq : 0;
  };
  const number = (name: string) => {
    const value = said.get(name)?.value ?? '';
    return /^\d{1,15}$/.test(value) ? Number(value) : undefined;
  };
  const [status, mainPid, errno] = [said.get('STATUS')?.value, number('MAINPID'), number('ERRNO')];
  const extendUs = number('EXTEND_TIMEOUT_USEC');
  return {
    ready: at('READY', '1'),
    reloading: at('RELOADING', '1'),
    stopping: at('STOPPING', '1'),
    watchdog: at('WATCHDOG', '1', 'trigger'),
    watchdogTriggered: said.get('WATCHDOG')?.value === 'trigger',
    extended: extendUs === undefined ? 0 : at('EXTEND_TIMEOUT_USEC'),
    extendMs: (extendUs ?? 0) / 1000,
    ...(mainPid !== undefined && { mainPid }),
    ...(status !== undefined && { status }),
    ...(errno !== undefined && { errno }),
  };
}
