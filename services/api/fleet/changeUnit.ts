/** `PUT` and `DELETE` of a unit, as commands. */
import type { ClusterState, DesiredState, UnitRecord } from '../../../shared/domain/clusterState.ts';
import { parseUnitName } from '../../../shared/domain/unitName.ts';
import type { CommandBody } from '../../../shared/protocol/commands.ts';
import { hashUnit } from '../../../shared/protocol/unitHash.ts';
import { HttpError } from '../httpError.ts';
import { shownState } from './entities.ts';
import { fileOf, type UnitOption } from './unitOptions.ts';

/** The body of a `PUT`; what is empty counts as absent, as in fleet. */
export interface UnitWish {
  name?: string;
  desiredState?: DesiredState | '';
  options?: UnitOption[] | null;
}

export interface UnitChange {
  commands: CommandBody[];
  /** A unit, or a new version of one, is made. */
  creates: boolean;
  /** It is launched, and told to stop. */
  stops: boolean;
}

/**
 * What a `PUT` leads to. A new body under a known name replaces the unit, which is then wished to be what the request
 * says, or inactive: fleetctl waits for that before it starts the unit again.
 * @throws {HttpError} 400 or 409: fleet would not have it either.
 */
export function changeUnit(state: ClusterState, name: string, wish: UnitWish): UnitChange {
  if (wish.name && wish.name !== name) {
    throw new HttpError(400, `name in URL "${name}" differs from unit name in request body "${wish.name}"`);
  }
  const { value, problems } = parseUnitName(name);
  if (!value) throw new HttpError(400, problems.map(({ message }) => message).join('; '));
  const known = state.units.get(name);
  const desired = wish.desiredState || undefined;
  if (value.isTemplate && (desired ?? 'inactive') !== 'inactive') {
    throw new HttpError(400, `cannot activate template "${name}": name an instance of it`);
  }
  const body = wish.options?.length ? fileOf(wish.options) : null;
  if (!known && !body) throw new HttpError(409, 'unit does not exist and options field empty');
  if (body && known?.hash !== hashUnit(body.file)) return create(known, name, body.text, desired ?? 'inactive');
  if (!known || !desired) throw new HttpError(409, 'must provide DesiredState to update existing unit');
  const stops = desired === 'loaded' && shownState(state, known) === 'launched';
  // `StartUnits` would start again what has ended: with fleet, what is launched is launched.
  const isSo = desired === 'launched' && known.desired === 'launched';
  return { commands: isSo ? [] : [wishFor(name, known.desired, desired)], creates: false, stops };
}

function create(known: UnitRecord | undefined, name: string, text: string, desired: DesiredState): UnitChange {
  const units = [{ name, text }];
  const bringing = { inactive: 'SubmitUnits', loaded: 'LoadUnits', launched: 'StartUnits' } as const;
  const bring: CommandBody = { type: bringing[desired], units, replace: true };
  // A version that is to run no more does not start before it ends.
  const isLess = known !== undefined && rank[known.desired] > rank[desired];
  const commands = isLess ? [wishFor(name, known.desired, desired), bring] : [bring];
  return { commands, creates: true, stops: false };
}

const rank: Record<DesiredState, number> = { inactive: 0, loaded: 1, launched: 2 };

function wishFor(name: string, from: DesiredState, to: DesiredState): CommandBody {
  const units = [{ name }];
  if (to === 'launched') return { type: 'StartUnits', units };
  if (to === 'inactive') return { type: 'UnloadUnits', units };
  return { type: from === 'launched' ? 'StopUnits' : 'LoadUnits', units };
}
