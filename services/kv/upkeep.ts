/** What the leading store does by itself, besides ending leases. */
import type { KvCommand } from '../../shared/domain/kv.ts';
import type { KvProjection } from './projection.ts';

export interface UpkeepOptions {
  projection: KvProjection;
  /** Of this store, for the alarm. */
  member: string;
  /** Keys and values may take so much before the alarm is raised, bytes: etcd's "space quota". */
  quotaBytes: number;
  /** History is compacted so that about so many revisions stay: etcd's `--auto-compaction-mode=revision`. 0: never. */
  keepRevisions: number;
  /** Puts a command on the log. */
  submit: (command: KvCommand) => Promise<unknown>;
}

/** Looks after each commit whether something is to be done, until the returned function is called. */
export function startUpkeep({ projection, member, quotaBytes, keepRevisions, submit }: UpkeepOptions): () => void {
  let busy = false;
  const due = (): KvCommand | null => {
    const { store } = projection;
    const isKnown = store.alarms.some(({ alarm }) => alarm === 'NOSPACE');
    if (store.sizeBytes > quotaBytes && !isKnown) return { type: 'AlarmActivate', alarm: 'NOSPACE', member };
    const revision = store.revision - keepRevisions;
    // Not at each revision: a compaction costs something, whatever it removes.
    const isLongDue = revision - store.compactRevision > keepRevisions / 10;
    return keepRevisions > 0 && isLongDue && revision > 0 ? { type: 'Compact', revision } : null;
  };
  const look = () => {
    const command = busy ? null : due();
    if (command === null) return;
    busy = true;
    void submit(command).then(() => {
      busy = false;
    });
  };
  look();
  return projection.onCommit(look);
}
