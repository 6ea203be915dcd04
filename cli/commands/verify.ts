import { basename } from 'node:path';
import { exitCode } from '../errors.ts';
import { type CheckedFile, checkFile, describeFile, hasErrors } from '../unitFiles.ts';
import type { Invocation } from '../verb.ts';

/** Reports every problem of the files, as `submit` would. */
export async function verify({ args, options, io }: Invocation): Promise<number> {
  const files = await Promise.all(args.map(check));
  if (options.flag('json')) io.out(JSON.stringify(files.map(({ path, problems }) => ({ file: path, problems }))));
  else for (const file of files) for (const line of render(file)) io.out(line);
  return files.some(hasErrors) ? exitCode.failed : exitCode.done;
}

async function check(path: string): Promise<CheckedFile> {
  const file = await checkFile(path, basename(path));
  return file ?? { path, text: null, problems: [{ severity: 'error', message: 'there is no such file' }] };
}

function render(file: CheckedFile): string[] {
  return file.problems.length === 0 ? [`${file.path}: ok`] : describeFile(file);
}
