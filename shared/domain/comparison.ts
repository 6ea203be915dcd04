/** Comparisons in conditions, `>= 5.10`: systemd.unit(5), "ConditionKernelVersion=", "ConditionOSRelease=", "ConditionMemory=". */
import { matchesShellPattern } from './glob.ts';
import { splitWords } from './quoting.ts';
import { compareVersions } from './versionOrder.ts';

/** Of numbers. */
export type Comparison = '<' | '<=' | '=' | '!=' | '>=' | '>';

/** Null where the text begins with no operator. */
export function readComparison(text: string): { comparison: Comparison; operand: string } | null {
  const [, operator, operand = ''] = /^(<=|>=|<>|<|>|!=|==|=)(.*)$/s.exec(text) ?? [];
  if (operator === undefined) return null;
  const comparison = operator === '<>' ? '!=' : operator === '==' ? '=' : (operator as Comparison);
  return { comparison, operand };
}

/** Whether two things that compare like this (negative: the first is less) stand in that relation. */
export function holds(comparison: Comparison, order: number): boolean {
  switch (comparison) {
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '=':
      return order === 0;
    case '!=':
      return order !== 0;
    case '>=':
      return order >= 0;
    case '>':
      return order > 0;
    default:
      return comparison satisfies never;
  }
}

/** What a text is asked for: `=` and `!=` go by its characters, `$=` and `!$=` by a glob, the others by the order of versions. */
export interface TextTest {
  operator: (typeof textOperators)[number];
  operand: string;
}

/** None stands before one that it begins. */
const textOperators = ['!$=', '$=', '<>', '<=', '>=', '==', '!=', '<', '>', '='] as const;

/** Null where the text begins with no operator. */
export function readTextTest(text: string): TextTest | null {
  const operator = textOperators.find((each) => text.startsWith(each));
  return operator === undefined ? null : { operator, operand: text.slice(operator.length) };
}

export function passes(actual: string, { operator, operand }: TextTest): boolean {
  switch (operator) {
    case '$=':
      return matchesShellPattern(operand, actual);
    case '!$=':
      return !matchesShellPattern(operand, actual);
    case '=':
      return actual === operand;
    case '!=':
      return actual !== operand;
    case '==':
      return compareVersions(actual, operand) === 0;
    case '<>':
      return compareVersions(actual, operand) !== 0;
    default:
      return holds(operator, compareVersions(actual, operand));
  }
}

/**
 * The terms of ConditionKernelVersion=, all of which must hold; one without an operator is a glob. The first operator may
 * stand apart from its version. Null: an operator has none, or a quote is never closed.
 */
export function splitVersionTerms(text: string): TextTest[] | null {
  const { words, error } = splitWords(text, 'keep');
  if (error !== undefined) return null;
  const [first, second, ...others] = words;
  const joined =
    first !== undefined && second !== undefined && readTextTest(first)?.operand.trim() === ''
      ? [`${first}${second}`, ...others]
      : words;
  const terms = joined.map((word): TextTest => {
    const test = readTextTest(word.trim()) ?? { operator: '$=', operand: word };
    return { ...test, operand: test.operand.trim() };
  });
  return terms.some(({ operator, operand }) => operator !== '$=' && operand === '') ? null : terms;
}

/** The terms of ConditionOSRelease=, all of which must hold: `ID=debian "VERSION_ID>=12"`. Null: one is none. */
export function splitReleaseTerms(text: string): { key: string; test: TextTest }[] | null {
  const { words, error } = splitWords(text, 'keep');
  if (error !== undefined) return null;
  const terms = words.map((word) => {
    const [, key = '', rest = ''] = /^([A-Za-z_]\w*)(.+)$/s.exec(word) ?? [];
    const test = readTextTest(rest);
    return test === null || /^\s|^$/.test(test.operand) ? null : { key, test };
  });
  return terms.every((term) => term !== null) ? terms : null;
}
