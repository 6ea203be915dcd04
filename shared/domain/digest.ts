import type { UnitReport } from './events.ts';

/**
 * A short fingerprint of a machine's unit states (FNV-1a over their sorted lines): equal on the node and in the
 * projection when the log has everything that the node reported.
 */
export function digestReports(
  reports: Iterable<Pick<UnitReport, 'unit' | 'hash' | 'active' | 'sub' | 'goal'>>,
): string {
  const lines = [...reports].map((r) => `${r.unit} ${r.hash} ${r.active} ${r.sub} ${r.goal}\n`).sort();
  let hash = 0x811c9dc5;
  for (const line of lines) {
    for (let i = 0; i < line.length; i++) hash = Math.imul(hash ^ line.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}
