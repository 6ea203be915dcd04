import type { DirectiveReader } from './directiveReader.ts';
import { knownDirectives, knownSections, treatmentOf } from './directives.ts';
import { suggest } from './suggest.ts';
import type { UnitFile, UnitOption } from './unitFile.ts';

/** Reports every section and directive that Flotilla does not know, refuses, or leaves without effect, once each. */
export function checkDirectives(reader: DirectiveReader, file: UnitFile): void {
  for (const { name, line } of file.sections) checkSection(reader, name, line);
  const known = new Set(knownSections());
  const seen = new Set<string>();
  for (const option of file.options) {
    const key = `${option.section} ${option.name}`;
    if (known.has(option.section) && !seen.has(key) && checkDirective(reader, option)) seen.add(key);
  }
}

/** Sections `[X-…]` belong to other programs, unless their name looks like a slip of the pen. */
function checkSection(reader: DirectiveReader, name: string, line: number): void {
  const known = knownSections();
  if (known.includes(name)) return;
  const meant = suggest(name, known);
  if (name.startsWith('X-') && meant === null) return;
  const hint =
    meant === null ? `a service has ${known.map((each) => `[${each}]`).join(' ')}` : `did you mean [${meant}]?`;
  reader.report('error', line, `there is no section [${name.slice(0, 60)}]: ${hint}`);
}

/** True when something was reported. */
function checkDirective(reader: DirectiveReader, option: UnitOption): boolean {
  const treatment = treatmentOf(option.section, option.name, option.value);
  if (treatment === null) {
    const where = `[${option.section}] has no directive ${option.name.slice(0, 60)}=`;
    reader.report('error', option.line, `${where}: ${describeUnknown(option)}`);
    return true;
  }
  if (treatment.kind === 'ignored') reader.warn(option, `has no effect here: ${treatment.why}`);
  if (treatment.kind === 'refused') {
    reader.fail(option, `is not supported and cannot be left out: ${treatment.why}; ${treatment.instead}`);
  }
  return treatment.kind !== 'honoured';
}

function describeUnknown({ section, name }: UnitOption): string {
  const home = knownSections().find((other) => knownDirectives(other).includes(name));
  if (home !== undefined) return `it belongs in [${home}]`;
  const meant = suggest(name, knownDirectives(section));
  return meant === null ? 'remove it, or correct its name' : `did you mean ${meant}=?`;
}
