/** docs/directives.md: what becomes of each directive, as the tables of the domain say. */
import type { Group, Treatment } from '../../shared/domain/directiveGroups.ts';
import { allSections, disabledValues, runnableSections } from '../../shared/domain/directives.ts';

const introduction = `# Directives

What becomes of every directive that systemd 252 knows, and of those of fleet, of Flotilla itself and of Quadlet's \`[Container]\`. This page is made of the
program's own tables by \`npm run generate\`.

- **honoured**: it does what its manual page says.
- **harmless**: it has no effect here, and nothing depends on it. A warning says so once, when the unit is submitted.
- **honoured with \`Image=\`**: containers of \`[X-Flotilla] Image=\` have it ([unit-files.md](unit-files.md)); elsewhere it is unsafe.
- **unsafe**: the unit would run otherwise than it was written to, so it is refused, with the reason. \`--allow-unsupported\` on
  \`submit\`, \`load\`, \`start\` and \`verify\` makes it a warning; the log keeps which directives were let pass.

A directive that is not here is not known to systemd either, and is an error. Sections \`[X-…]\` of other programs are left alone.
"Except for" names values that ask for what happens anyway; they are never objected to.
`;

/** The whole page. */
export function directivesPage(): string {
  const known = new Set(runnableSections());
  const parts = allSections.map(([section, groups]) =>
    known.has(section) ? sectionTable(section, groups) : refusedSection(section, groups),
  );
  return [introduction, ...parts].join('\n');
}

function sectionTable(section: string, groups: readonly Group[]): string {
  const rows = groups.flatMap((group) => group.names.split(' ').map((name) => ({ name, group })));
  rows.sort((a, b) => (a.name < b.name ? -1 : 1));
  const lines = rows.map(({ name, group }) => `| \`${name}=\` | ${classOf(group.treatment)} | ${describe(group)} |`);
  return [`## [${section}]`, '', '| directive | class | |', '| --- | --- | --- |', ...lines, ''].join('\n');
}

/** Of a type that Flotilla does not run: everything for the same reason. */
function refusedSection(section: string, groups: readonly Group[]): string {
  const names = groups.flatMap((group) => group.names.split(' ').map((name) => `\`${name}=\``)).toSorted();
  const why = groups[0] === undefined ? '' : describe({ ...groups[0], onlyNeutral: [] });
  return [`## [${section}]`, '', `unsafe: ${why}`, '', names.join(' '), ''].join('\n');
}

const classes: Record<Treatment['kind'], string> = {
  honoured: 'honoured',
  ignored: 'harmless',
  refused: '**unsafe**',
};

function classOf(treatment: Treatment): string {
  const isHad = treatment.kind === 'refused' && treatment.unlessImage;
  return isHad ? 'honoured with `Image=`, else **unsafe**' : classes[treatment.kind];
}

function describe({ treatment, neutral = [], onlyNeutral }: Group): string {
  if (treatment.kind === 'honoured') return '';
  const exempt = onlyNeutral ?? [...(treatment.kind === 'refused' ? [disabledValues[1] ?? ''] : []), ...neutral];
  const shown = exempt.map((value) => (value === '' ? 'an empty value' : `\`${value}\``)).join(', ');
  const what = treatment.kind === 'refused' ? `${treatment.why}; ${treatment.instead}` : treatment.why;
  return shown === '' ? what : `${what}. Except for ${shown}`;
}
