/** What a backup's file is made of, in this order: `about`, each `stream` with its `record`s, `end`. */
export type Entry =
  | { kind: 'about'; version: string; at: number; from: string }
  /** Messages `first` to `last` follow, every one. */
  | { kind: 'stream'; stream: string; first: number; last: number }
  | { kind: 'record'; stream: string; seq: number; subject: string; id: string }
  /** The store's snapshot; its `part`s follow. */
  | { kind: 'snapshot'; name: string; meta: Record<string, string> }
  | { kind: 'part'; name: string }
  | { kind: 'end'; records: number; state: { seq: number; hash: string }; fence: number };

/** As it stands in the file: a line of JSON, then so many bytes and a line's end, if there are any. */
export type Head = Entry & { bytes?: number; sha256: string };

export const magic = 'flotilla-backup 1';

/** The file is none, or not whole, or was changed. */
export class BackupDamagedError extends Error {
  override readonly name = 'BackupDamagedError';
}
