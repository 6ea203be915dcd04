/** What unit files say of each other that can never hold together, as the cluster would find when they are submitted. */
import { initialState } from '../shared/domain/clusterState.ts';
import { refuseContradictions } from '../shared/domain/contradictions.ts';
import { amongClusterUnits } from '../shared/domain/dependencies.ts';
import { interpretUnit } from '../shared/domain/interpretUnit.ts';
import type { Rejection } from '../shared/domain/rejection.ts';
import { refuseCircle } from '../shared/domain/replacing.ts';
import type { UnitRef } from '../shared/domain/unit.ts';
import { parseUnitFile } from '../shared/domain/unitFile.ts';
import { parseUnitName } from '../shared/domain/unitName.ts';
import { type CheckedFile, hasErrors } from './unitFiles.ts';
import { unitNameOf } from './unitNames.ts';

/** Of the files in which nothing else is wrong. A template depends on nothing: its instances do. */
export function verifyTogether(files: readonly CheckedFile[]): Rejection | null {
  const refs = files.filter((file) => !hasErrors(file)).flatMap(refOf);
  return refuseCircle(initialState(), refs) ?? refuseContradictions(initialState(), refs);
}

function refOf({ path, text }: CheckedFile): UnitRef[] {
  const { value: name } = parseUnitName(unitNameOf(path));
  if (name === null || name.isTemplate || text === null) return [];
  const { spec } = interpretUnit(name, parseUnitFile(text).file, undefined, { allowUnsupported: true });
  if (spec === null) return [];
  const { description, placement, resources } = spec;
  const dependencies = amongClusterUnits(name.name, spec.dependencies);
  const submission = { name: name.name, text, hash: '', description, placement, resources };
  return [{ name: name.name, submission: dependencies === undefined ? submission : { ...submission, dependencies } }];
}
