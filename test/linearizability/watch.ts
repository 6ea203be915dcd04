/**
 * What a watcher must have been told follows from the store's history alone, so nothing need be searched: the changes
 * of its keys from its start revision on, in the order of the revisions, each once, none split over two messages.
 */

export interface Change {
  revision: number;
  type: 'put' | 'delete';
  key: string;
  /** Empty where it was deleted. */
  value: string;
}

export interface WatchLog {
  startRevision: number;
  covers(key: string): boolean;
  /** One list a message. */
  messages: Change[][];
  /** When it was last looked at, the store was here, and so should the watcher have been. */
  through: number;
}

/** Everything that the watcher was not told as it should have been, one sentence each. */
export function checkWatch(changes: readonly Change[], watch: WatchLog): string[] {
  const { startRevision, covers, messages, through } = watch;
  const told = messages.flat();
  const last = Math.max(through, told.at(-1)?.revision ?? 0);
  const due = changes.filter(({ revision, key }) => revision >= startRevision && revision <= last && covers(key));
  return [...differences(due, told), ...splitRevisions(messages)];
}

/** The first difference only: what follows it is shifted. */
function differences(due: readonly Change[], told: readonly Change[]): string[] {
  const at = due.findIndex((change, index) => nameOf(change) !== nameOf(told[index]));
  if (at === -1)
    return told.slice(due.length, due.length + 1).map((change) => `${nameOf(change)} ${excess(due, change)}`);
  const expected = nameOf(due[at]);
  const instead = told[at];
  if (!instead) return [`${expected} is missing at the end, and ${due.length - at - 1} more`];
  return [`instead of ${expected} came ${nameOf(instead)}, which ${excess(due.slice(0, at), instead, due.slice(at))}`];
}

function excess(before: readonly Change[], change: Change, later: readonly Change[] = []): string {
  const isSame = (other: Change) => nameOf(other) === nameOf(change);
  if (before.some(isSame)) return 'came before';
  return later.some(isSame) ? 'was to come later' : 'was never to come';
}

function splitRevisions(messages: readonly Change[][]): string[] {
  return messages.flatMap((message, index) => {
    const revision = message[0]?.revision;
    const isSplit = messages[index - 1]?.at(-1)?.revision === revision && revision !== undefined;
    return isSplit ? [`revision ${revision} is split over two messages`] : [];
  });
}

function nameOf(change: Change | undefined): string {
  if (!change) return 'nothing';
  const { revision, type, key, value } = change;
  return `${type} ${key}${type === 'put' ? `=${value}` : ''} @${revision}`;
}
