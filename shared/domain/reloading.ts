/** `reload`: the unit reads its configuration anew, by `ExecReload=`; it goes on running. */
import type { ClusterState, UnitRecord } from './clusterState.ts';
import { type Rejection, reject } from './rejection.ts';
import type { UnitCommand } from './unit.ts';
import { listOptions, parseUnitFile } from './unitFile.ts';

/**
 * Only what runs can be reloaded, and says how: as with `systemctl reload`, a unit that is not active is refused rather
 * than started. By then its machine has done all that was wished before, so that a reload is the only thing left to do.
 */
export function refuseReload(state: ClusterState, { type, units }: UnitCommand): Rejection | null {
  if (type !== 'ReloadUnits') return null;
  const details = units.flatMap(({ name }) => {
    const unit = state.units.get(name);
    const why = unit ? whyNotReloaded(state, unit) : null;
    return why === null ? [] : [`${name} ${why}`];
  });
  if (details.length === 0) return null;
  const [only = ''] = details;
  return details.length === 1
    ? reject('cannot-reload', only)
    : reject('cannot-reload', 'units cannot be reloaded; nothing was', details);
}

/** Goes on after the unit's name; null: it can be. */
export function whyNotReloaded(state: ClusterState, unit: UnitRecord): string | null {
  const isUp = Object.keys(unit.machines).some((machine) => {
    const report = state.reports.get(machine)?.get(unit.name);
    return report !== undefined && report.goal >= unit.goal && upStates.includes(report.active);
  });
  if (unit.desired !== 'launched' || !isUp) return 'is not active: only what runs can be reloaded (start it)';
  const { file } = parseUnitFile(unit.text);
  const says = listOptions(file, 'Service', 'ExecReload').length > 0;
  return says ? null : 'has no ExecReload=, which would say how to reload it (restart it, or add that)';
}

const upStates = ['active', 'reloading'];
