import { type DirectiveReader, placeOfName } from './directiveReader.ts';
import { knownDirectives, knownSections, treatmentOf } from './directives.ts';
import { suggest } from './suggest.ts';
import type { UnitFile, UnitOption } from './unitFile.ts';
import type { UnitType } from './unitName.ts';

/**
 * Reports every section and directive that Flotilla does not know, refuses, or leaves without effect, once each. With
 * `allowUnsupported` what would be refused gets a warning. Returns the names of those.
 */
export function checkDirectives(
  reader: DirectiveReader,
  file: UnitFile,
  type: UnitType,
  allowUnsupported: boolean,
): string[] {
  for (const { name, line } of file.sections) checkSection(reader, name, line, type);
  const known = new Set(knownSections(type));
  const seen = new Set<string>();
  const hasImage = reader.last('X-Flotilla', 'Image') !== undefined;
  for (const option of file.options) {
    const key = `${option.section} ${option.name}`;
    if (
      known.has(option.section) &&
      !seen.has(key) &&
      checkDirective(reader, option, type, { allowUnsupported, hasImage })
    )
      seen.add(key);
  }
  const refused = file.options.filter(
    ({ section, name, value }) => known.has(section) && isRefused(section, name, value, hasImage),
  );
  return [...new Set(refused.map(({ name }) => name))].sort();
}

function isRefused(section: string, name: string, value: string, hasImage: boolean): boolean {
  return treatmentOf(section, name, value, hasImage)?.kind === 'refused';
}

/** Sections `[X-…]` belong to other programs, unless their name looks like a slip of the pen. */
function checkSection(reader: DirectiveReader, name: string, line: number, type: UnitType): void {
  const known = knownSections(type);
  if (known.includes(name)) return;
  const meant = suggest(name, known);
  if (name.startsWith('X-') && meant === null) return;
  const hint =
    meant === null ? `a ${type} has ${known.map((each) => `[${each}]`).join(' ')}` : `did you mean [${meant}]?`;
  reader.report(
    'error',
    { line, column: 1, width: name.length + 2 },
    `there is no section [${name.slice(0, 60)}]: ${hint}`,
  );
}

/** True when something was reported. */
function checkDirective(
  reader: DirectiveReader,
  option: UnitOption,
  type: UnitType,
  { allowUnsupported, hasImage }: { allowUnsupported: boolean; hasImage: boolean },
): boolean {
  const treatment = treatmentOf(option.section, option.name, option.value, hasImage);
  if (treatment === null) {
    const where = `[${option.section}] has no directive ${option.name.slice(0, 60)}=`;
    reader.report('error', placeOfName(option), `${where}: ${describeUnknown(option, type)}`);
    return true;
  }
  if (treatment.kind === 'ignored' && !treatment.quiet) reader.warn(option, `has no effect here: ${treatment.why}`);
  if (treatment.kind === 'refused' && allowUnsupported) {
    reader.warn(option, `has no effect here, which --allow-unsupported lets pass: ${treatment.why}`);
  } else if (treatment.kind === 'refused') {
    reader.fail(option, `is not supported and cannot be left out: ${treatment.why}; ${treatment.instead}`);
  }
  return treatment.kind !== 'honoured';
}

function describeUnknown({ section, name }: UnitOption, type: UnitType): string {
  const home = knownSections(type).find((other) => knownDirectives(other).includes(name));
  if (home !== undefined) return `it belongs in [${home}]`;
  const meant = suggest(name, knownDirectives(section));
  return meant === null ? 'remove it, or correct its name' : `did you mean ${meant}=?`;
}
