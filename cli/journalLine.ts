/** A line of a journal as journalctl(1) writes it, in each of its forms. */
import type { JournalLine } from './journalStream.ts';

export const journalForms = ['short', 'short-iso', 'cat', 'json'] as const;
export type JournalForm = (typeof journalForms)[number];

export interface LineSource {
  unit: string;
  machine: string;
  hostname: string;
}

export function renderLine(
  form: JournalForm,
  { at, text }: JournalLine,
  { unit, machine, hostname }: LineSource,
): string {
  switch (form) {
    case 'cat':
      return text;
    case 'short':
      return `${at === null ? unknownTime : shortTime(at)} ${hostname} ${unit}: ${text}`;
    case 'short-iso':
      return `${at === null ? unknownTime : isoTime(at)} ${hostname} ${unit}: ${text}`;
    case 'json':
      return JSON.stringify({
        ...(at === null ? {} : { __REALTIME_TIMESTAMP: String(at * 1000) }),
        _MACHINE_ID: machine,
        _HOSTNAME: hostname,
        _SYSTEMD_UNIT: unit,
        MESSAGE: text,
      });
    default:
      return form satisfies never;
  }
}

const unknownTime = '-';
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (number: number) => String(number).padStart(2, '0');

/** `Nov 23 14:00:01`, local time. */
function shortTime(at: number): string {
  const date = new Date(at);
  return `${months[date.getMonth()]} ${two(date.getDate())} ${clockOf(date)}`;
}

/** `2025-11-23T14:00:01+0100`. */
function isoTime(at: number): string {
  const date = new Date(at);
  const ahead = -date.getTimezoneOffset();
  const zone = `${ahead < 0 ? '-' : '+'}${two(Math.floor(Math.abs(ahead) / 60))}${two(Math.abs(ahead) % 60)}`;
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${clockOf(date)}${zone}`;
}

function clockOf(date: Date): string {
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
