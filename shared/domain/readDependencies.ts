import type { Dependencies, DependencyKind } from './dependencies.ts';
import type { DirectiveReader } from './directiveReader.ts';
import { parseUnitName, type UnitName } from './unitName.ts';
import { parseBoolean } from './values.ts';

/** With their older spellings. */
const unitDirectives: Partial<Record<DependencyKind, string[]>> = {
  Requires: ['Requires', 'RequiresOverridable'],
  Requisite: ['Requisite', 'RequisiteOverridable'],
  Wants: ['Wants'],
  BindsTo: ['BindsTo', 'BindTo'],
  PartOf: ['PartOf'],
  Upholds: ['Upholds'],
  OnFailure: ['OnFailure'],
  OnSuccess: ['OnSuccess'],
  Before: ['Before'],
  After: ['After'],
  Conflicts: ['Conflicts'],
  PropagatesStopTo: ['PropagatesStopTo'],
  StopPropagatedFrom: ['StopPropagatedFrom'],
  PropagatesReloadTo: ['PropagatesReloadTo', 'PropagateReloadTo'],
  ReloadPropagatedFrom: ['ReloadPropagatedFrom', 'PropagateReloadFrom'],
};
const installDirectives: Partial<Record<DependencyKind, string[]>> = {
  RequiredBy: ['RequiredBy'],
  WantedBy: ['WantedBy'],
};

/** The units that a unit file names as dependencies, each once a directive, in the order of the file. */
export function readDependencies(reader: DirectiveReader, unit: UnitName): Dependencies {
  const stated = Object.fromEntries([
    ...readSection(reader, 'Unit', unitDirectives),
    ...readSection(reader, 'Install', installDirectives),
  ]);
  if (unit.type === 'service') return withSockets(reader, stated);
  return unit.type === 'target' ? withDefaults(reader, stated) : stated;
}

function readSection(reader: DirectiveReader, section: string, directives: Partial<Record<DependencyKind, string[]>>) {
  const found = Object.entries(directives).map(([kind, names]) => {
    const words = reader.words(section, names, 'keep').flatMap(({ option, word }) => {
      const { value, problems } = parseUnitName(word);
      reader.adopt(option, problems);
      // systemd makes links in the template's directory then, which concern no instance that runs.
      if (value?.isTemplate && section === 'Install') return [];
      if (value?.isTemplate) reader.fail(option, 'names a template: name an instance');
      return [word];
    });
    return [kind, [...new Set(words)]] as const;
  });
  return found.filter(([, names]) => names.length > 0);
}

/** systemd.service(5), `Sockets=`: they are wanted, and open before it starts. */
function withSockets(reader: DirectiveReader, stated: Dependencies): Dependencies {
  const sockets = reader.words('Service', 'Sockets', 'keep').map(({ word }) => word);
  if (sockets.length === 0) return stated;
  const and = (names: readonly string[] = []) => [...new Set([...names, ...sockets])];
  return { ...stated, Wants: and(stated.Wants), After: and(stated.After) };
}

/** systemd.target(5): a target comes after what it pulls in, unless that says that it comes after the target. */
function withDefaults(reader: DirectiveReader, stated: Dependencies): Dependencies {
  if (!reader.value('Unit', 'DefaultDependencies', parseBoolean, true)) return stated;
  const before = new Set(stated.Before);
  const pulled = [...(stated.Requires ?? []), ...(stated.Wants ?? [])].filter((name) => !before.has(name));
  const after = [...new Set([...(stated.After ?? []), ...pulled])];
  return after.length === 0 ? stated : { ...stated, After: after };
}
