/** `RefuseManualStart=` and `RefuseManualStop=`: systemd.unit(5). What other units bring with them is not refused. */
import type { ClusterState } from './clusterState.ts';
import { type Rejection, reject } from './rejection.ts';
import type { UnitCommand, UnitRef } from './unit.ts';
import { lastOption, parseUnitFile } from './unitFile.ts';
import { parseBoolean } from './values.ts';

type Switch = 'RefuseManualStart' | 'RefuseManualStop';

/** A unit that is destroyed is there no more, as one whose file is removed: that is not refused. */
const asked: Partial<Record<UnitCommand['type'], readonly Switch[]>> = {
  StartUnits: ['RefuseManualStart'],
  StopUnits: ['RefuseManualStop'],
  UnloadUnits: ['RefuseManualStop'],
  RestartUnits: ['RefuseManualStart', 'RefuseManualStop'],
};

const reasons: Record<Switch, string> = {
  RefuseManualStart:
    'is started by other units only (RefuseManualStart=): start what requires or wants it, or load it for its timer, path or socket',
  RefuseManualStop: 'is stopped with other units only (RefuseManualStop=): stop what it is part of, or destroy it',
};

/** Refuses what people ask of units that leave it to others. */
export function refuseManual(
  state: ClusterState,
  type: UnitCommand['type'],
  refs: readonly UnitRef[],
): Rejection | null {
  const switches = asked[type];
  if (switches === undefined) return null;
  const details = refs.flatMap((ref) => {
    if (ref.because !== undefined) return [];
    const text = (ref.submission ?? state.units.get(ref.name))?.text ?? '';
    const set = switches.find((name) => isSet(text, name));
    return set === undefined ? [] : [`${ref.name} ${reasons[set]}`];
  });
  const [only] = details;
  if (only === undefined) return null;
  return details.length === 1
    ? reject('manual-refused', only)
    : reject('manual-refused', 'units leave that to other units; nothing was done', details);
}

function isSet(text: string, name: Switch): boolean {
  // Reading all files of a large command would take longer than deciding on it.
  if (!text.includes(name)) return false;
  const parsed = parseBoolean(lastOption(parseUnitFile(text).file, 'Unit', name)?.value ?? 'no');
  return 'value' in parsed && parsed.value;
}
