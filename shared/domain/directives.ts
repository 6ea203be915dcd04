/**
 * What becomes of each directive that systemd 252 knows, and of fleet's and Flotilla's own: it is honoured, it is ignored
 * because nothing depends on it (said once), or the unit is refused because it would run otherwise than it was written
 * to. `systemd --dump-configuration-items` is the judge of completeness; docs/directives.md shows it all.
 */
import { containerGroups } from './containerDirectives.ts';
import { type Group, honoured, type Treatment } from './directiveGroups.ts';
import { execGroups } from './execDirectives.ts';
import { otherSections } from './otherDirectives.ts';
import { pathGroups } from './pathDirectives.ts';
import { serviceGroups } from './serviceDirectives.ts';
import { socketGroups } from './socketDirectives.ts';
import { timerGroups } from './timerDirectives.ts';
import { fleetGroups, flotillaGroups, installGroups, unitGroups } from './unitDirectives.ts';
import type { UnitType } from './unitName.ts';

interface Entry {
  treatment: Treatment;
  isNeutral: (value: string) => boolean;
}

/** Switches a directive off, in most of them. */
export const disabledValues = ['', 'no', 'n', 'false', 'f', 'off', '0', 'none'];

/** The sections that a service may have. */
const serviceSections: [section: string, groups: Group[]][] = [
  ['Unit', unitGroups],
  ['Service', [...serviceGroups, ...execGroups]],
  ['Container', containerGroups],
  ['Install', installGroups],
  ['X-Fleet', fleetGroups],
  ['X-Flotilla', flotillaGroups],
];

const triggerSections: [section: string, groups: Group[]][] = [
  ['Timer', timerGroups],
  ['Path', pathGroups],
  ['Socket', socketGroups],
];

export const allSections = [...serviceSections, ...triggerSections, ...otherSections];

const tables: ReadonlyMap<string, ReadonlyMap<string, Entry>> = new Map(
  allSections.map(([section, groups]) => [section, tableOf(groups)]),
);

function tableOf(groups: readonly Group[]): Map<string, Entry> {
  const entries = groups.flatMap(({ names, treatment, neutral = [], onlyNeutral }): [string, Entry][] => {
    const values = new Set(onlyNeutral ?? [...disabledValues, ...neutral]);
    const isNeutral = (value: string) => values.has(value.toLowerCase());
    return names.split(' ').map((name) => [name, { treatment, isNeutral }]);
  });
  return new Map(entries);
}

/** The sections that units have because of their type. */
const ownSections: Partial<Record<UnitType, string[]>> = {
  service: ['Service', 'Container'],
  timer: ['Timer'],
  path: ['Path'],
  socket: ['Socket'],
  target: [],
};

/** The sections that a unit of that type may have, beside other people's `[X-…]`. */
export function knownSections(type: UnitType = 'service'): string[] {
  const ofServices = new Set(ownSections.service);
  const [first = 'Unit', ...others] = serviceSections
    .map(([section]) => section)
    .filter((name) => !ofServices.has(name));
  return [first, ...(ownSections[type] ?? []), ...others];
}

/** Every section of a type that Flotilla runs. */
export function runnableSections(): string[] {
  return [...new Set([...knownSections(), ...Object.values(ownSections).flat()])];
}

/** The directives that may stand in a section; none where the section is unknown. */
export function knownDirectives(section: string): string[] {
  return [...(tables.get(section)?.keys() ?? [])];
}

/**
 * What becomes of an assignment, in a unit with `[X-Flotilla] Image=` or in another; null where systemd knows no such
 * directive in that section.
 */
export function treatmentOf(section: string, name: string, value: string, hasImage: boolean): Treatment | null {
  const entry = tables.get(section)?.get(name);
  if (entry === undefined) return null;
  const { treatment } = entry;
  const isHad = treatment.kind === 'refused' && treatment.unlessImage && hasImage;
  return isHad || entry.isNeutral(value) ? honoured : treatment;
}
