/** Unit files as fleet's API carries them: a list of assignments, without comments. */
import { canonicalText, parseUnitFile, type UnitFile } from '../../../shared/domain/unitFile.ts';
import { HttpError } from '../httpError.ts';

export interface UnitOption {
  section: string;
  name: string;
  /** Continued lines as they stand in the file. */
  value: string;
}

export function optionsOf(text: string): UnitOption[] {
  return parseUnitFile(text).file.options.map(({ section, name, raw }) => ({ section, name, value: raw }));
}

/**
 * The unit file of these options, in fleet's canonical form.
 * @throws {HttpError} 400: no unit file says just that, such as a value with lines of its own.
 */
export function fileOf(options: readonly UnitOption[]): { file: UnitFile; text: string } {
  const text = canonicalText({
    sections: [],
    options: options.map(({ section, name, value }) => ({
      section,
      name,
      value,
      raw: value,
      line: 1,
      column: 1,
      valueColumn: 1,
    })),
  });
  const { file, problems } = parseUnitFile(text);
  const [problem] = problems;
  if (problem) throw new HttpError(400, `the options make no unit file: ${problem.message}`);
  // Sections are gathered, so the order across them may differ; what each says may not.
  if (canonicalText(file) !== text || file.options.length !== options.length) {
    throw new HttpError(400, 'the options make no unit file: a section, name or value breaks out of its line');
  }
  return { file, text };
}
