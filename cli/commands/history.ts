import { withClient } from '../client.ts';
import { exitCode, FailureError } from '../errors.ts';
import { type Column, renderTable } from '../table.ts';
import { formatTime } from '../timeline.ts';
import { unitNameOf } from '../unitNames.ts';
import type { Invocation } from '../verb.ts';
import { readVersions, type UnitVersion } from '../versions.ts';
import { shortHash } from '../words.ts';

const columns: readonly Column<UnitVersion>[] = [
  { head: 'VERSION', cell: ({ number }) => String(number) },
  { head: 'HASH', cell: ({ hash }) => shortHash(hash) },
  { head: 'SUBMITTED', cell: ({ at }) => formatTime(at).slice(0, 19) },
  { head: 'SEQ', cell: ({ seq }) => `#${seq}` },
  { head: 'BY', cell: ({ by }) => by },
  { head: 'UNTIL', cell: ({ ended }) => (ended ? `${ended.how} ${formatTime(ended.at).slice(0, 19)}` : 'now') },
];

/** Prints the versions of a unit, the first one first. */
export async function history(call: Invocation): Promise<number> {
  const { args, options, io } = call;
  const unit = unitNameOf(args[0] ?? '');
  const versions = await withClient(call, async (client) => readVersions(await client.openLog(), unit));
  if (versions.length === 0) throw new FailureError(`no unit ${unit} was ever submitted`);
  if (options.flag('json')) io.out(JSON.stringify(versions));
  else
    for (const line of renderTable(versions, columns, { columns: io.columns, legend: options.flag('legend') }))
      io.out(line);
  return exitCode.done;
}
