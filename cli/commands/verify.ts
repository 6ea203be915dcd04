import type { Rejection } from '../../shared/domain/rejection.ts';
import { exitCode } from '../errors.ts';
import { pointOut } from '../pointOut.ts';
import { type CheckedFile, checkFile, hasErrors } from '../unitFiles.ts';
import { unitNameOf } from '../unitNames.ts';
import type { Invocation } from '../verb.ts';
import { verifyTogether } from '../verifyTogether.ts';

/** Reports every problem of the files, and what they say of each other that cannot be, as `submit` would. */
export async function verify({ args, options, io }: Invocation): Promise<number> {
  const files = await Promise.all(args.map((path) => check(path, options.flag('allowUnsupported'))));
  const together = verifyTogether(files);
  if (options.flag('json')) io.out(JSON.stringify([...files.map(ofFile), ...(together ? [ofAll(together)] : [])]));
  else for (const line of [...files.flatMap(render), ...(together ? renderAll(together) : [])]) io.out(line);
  return together !== null || files.some(hasErrors) ? exitCode.failed : exitCode.done;
}

async function check(path: string, allowUnsupported: boolean): Promise<CheckedFile> {
  const file = await checkFile(path, unitNameOf(path), { allowUnsupported });
  return file ?? { path, text: null, problems: [{ path, severity: 'error', message: 'there is no such file' }] };
}

function render(file: CheckedFile): string[] {
  return file.problems.length === 0 ? [`${file.path}: ok`] : file.problems.flatMap(pointOut);
}

function renderAll({ message, details }: Rejection): string[] {
  return [`error: ${message}`, ...details.map((detail) => `  ${detail}`)];
}

function ofFile({ path, problems }: CheckedFile) {
  return { file: path, problems };
}

/** What is wrong with no single one of them. */
function ofAll({ message, details }: Rejection) {
  return { file: null, problems: [{ severity: 'error', message, details }] };
}
