import type { Output, Outputs } from '../../../../shared/domain/outputs.ts';

/** systemd's EXIT_STDOUT and EXIT_STDERR, systemd.exec(5): a file cannot be opened. */
const failures = { 1: 209, 2: 222 };

/** A shell that opens what is written to instead of the journal, and becomes the command; nothing where that is all. */
export function outputPrefix({ standardOutput, standardError }: Outputs): string[] {
  if (!standardOutput && (!standardError || standardError.to === 'journal')) return [];
  const isSame = standardError === undefined || JSON.stringify(standardError) === JSON.stringify(standardOutput);
  const lines = [
    ...(standardOutput ? [open(1, standardOutput)] : []),
    ...(isSame ? ['exec 2>&1'] : standardError.to === 'journal' ? [] : [open(2, standardError)]),
    'shift 2',
    'unset PWD OLDPWD',
    'exec "$@"',
  ];
  return ['/bin/sh', '-c', lines.join('\n'), 'sh', pathOf(standardOutput), pathOf(standardError)];
}

const operators = { file: '<>', append: '>>', truncate: '>' };

function open(descriptor: 1 | 2, output: Output): string {
  if (output.to === 'null') return `exec ${descriptor}>/dev/null`;
  const target = `"$${descriptor}"`;
  return `( : >>${target} ) || exit ${failures[descriptor]}\nexec ${descriptor}${operators[output.to]}${target}`;
}

function pathOf(output: Outputs['standardError']): string {
  return output && 'path' in output ? output.path : '';
}
