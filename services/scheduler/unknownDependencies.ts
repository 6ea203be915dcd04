/** Dependencies on units that nobody knows: neither the cluster nor, as far as can be told, the machines. */
import { type Dependencies, hardKinds, isMachineUnit } from '../../shared/domain/dependencies.ts';
import type { Problem } from '../../shared/domain/problem.ts';

export interface UnknownDependencies {
  problems: Problem[];
  /** The directives that name them. */
  directives: string[];
}

/**
 * A unit that requires what is not there fails in systemd when it is started. So it is refused when it is to run; before
 * that its dependency may still be submitted. `severity` is for what is said of it.
 */
export function findUnknown(
  unit: string,
  dependencies: Dependencies,
  isKnown: (unit: string) => boolean,
  severity: Problem['severity'],
): UnknownDependencies {
  const found = hardKinds.flatMap((kind) => {
    const names = (dependencies[kind] ?? []).filter((name) => name !== unit && !isMachineUnit(name) && !isKnown(name));
    return names.length === 0 ? [] : [{ kind, names }];
  });
  const problems = found.map(({ kind, names }) => ({ severity, message: describe(kind, names) }));
  return { problems, directives: found.map(({ kind }) => kind) };
}

function describe(kind: string, names: readonly string[]): string {
  const it = names.length === 1 ? 'it' : 'them';
  return `${kind}=${names.join(' ')} is not known to the cluster: submit ${it} first, or write Wants= and After= where the machine’s own systemd has ${it}`;
}
