/** `[X-Flotilla]`: of the machines that may take a unit, which one should, and who gives way where there is no room. */
import type { DirectiveReader } from './directiveReader.ts';
import type { UnitName } from './unitName.ts';
import type { Affinity, Preferences } from './unitSpec.ts';
import type { Parsed } from './values.ts';

const section = 'X-Flotilla';
const mostPriority = 1_000;
const mostWeight = 100;

/** What the unit prefers; undefined where it says nothing of it. The reader must know the specifiers of the name alone. */
export function readPreferences(reader: DirectiveReader, unit: UnitName): Preferences | undefined {
  const priority = reader.value<number>(section, 'Priority', wholeNumberUpTo(mostPriority), 0);
  const preferences: Preferences = {
    ...(priority === 0 ? {} : { priority }),
    ...nonEmpty('spread', readSpread(reader, unit)),
    ...nonEmpty('affinities', readAffinities(reader)),
  };
  return Object.keys(preferences).length === 0 ? undefined : preferences;
}

function nonEmpty<K extends string, T>(key: K, list: T[]): { [P in K]?: T[] } {
  return (list.length === 0 ? {} : { [key]: list }) as { [P in K]?: T[] };
}

/** `Spread=zone`: keys of machines' metadata, the most important first. */
function readSpread(reader: DirectiveReader, unit: UnitName): string[] {
  const words = reader.words(section, 'Spread', 'keep');
  const [first] = words;
  if (first && unit.instance === undefined && !unit.isTemplate) {
    reader.warn(first.option, `has no effect on ${unit.name}: it spreads the instances of a template`);
  }
  for (const { option, word } of words) if (word.includes('=')) reader.fail(option, 'takes a key alone, such as zone');
  return [...new Set(words.map(({ word }) => word))];
}

/** `Affinity=disk=ssd`, `Affinity=disk=ssd 50`, `Affinity=spot=yes -10`: each assignment is one. */
function readAffinities(reader: DirectiveReader): Affinity[] {
  return reader.list(section, 'Affinity').flatMap((option) => {
    const [pair = '', weightText = '1', ...rest] = reader.expand(option, option.value).trim().split(/\s+/);
    const [, key, value] = /^([^=]+)=([^=]+)$/.exec(pair) ?? [];
    if (key === undefined || value === undefined || rest.length > 0) {
      reader.fail(option, 'takes a pair of metadata and a weight, such as disk=ssd 50');
      return [];
    }
    const weight = reader.parse(option, weightText, wholeNumberUpTo(mostWeight), 0);
    return weight === 0 ? [] : [{ key, value, weight }];
  });
}

function wholeNumberUpTo(most: number): (text: string) => Parsed<number> {
  return (text) => {
    const value = Number(text);
    const isFine = /^[+-]?\d+$/.test(text) && Math.abs(value) <= most;
    return isFine ? { value } : { error: `is no whole number from -${most} to ${most}` };
  };
}
