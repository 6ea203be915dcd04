/** docs/docker-options.md: what becomes of each option of `docker run` and of each verb, as the tables of the domain say. */
import { knownVerbs, refusedVerbs } from '../../shared/domain/dockerCommand.ts';
import type { DockerOption } from '../../shared/domain/dockerOptions.ts';
import { runOptions } from '../../shared/domain/dockerRunOptions.ts';

const introduction = `# docker's options and verbs in units

What becomes of every option of \`docker run\` (and \`docker create\`) of Docker 28, and of the verbs that Exec lines use. This page is made
of the program's own tables by \`npm run generate\`; docker's own command line is their judge: a test compares the requests that it sends to
an engine with those of Flotilla. See also [docker.md](docker.md).

- **translated**: the engine gets what docker's own command line would send.
- **harmless**: it is read, and has no effect here.
- **refused**: the unit is refused with the reason when it is submitted. An option that is not here is refused, too.
`;

/** The whole page. */
export function dockerPage(): string {
  const options = Object.entries(runOptions).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const verbs = [
    ...knownVerbs.map((verb): [string, string] => [verb, 'translated | ']),
    ...Object.entries(refusedVerbs).map(([verb, why]): [string, string] => [verb, `**refused** | ${why}`]),
  ].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return [
    introduction,
    ...table(
      'docker run',
      'option',
      options.map(([name, option]) => `| ${spelled(name, option)} | ${what(option)} |`),
    ),
    ...table(
      'Verbs',
      'verb',
      verbs.map(([verb, text]) => `| \`docker ${verb}\` | ${text} |`),
    ),
  ].join('\n');
}

function table(title: string, head: string, rows: readonly string[]): string[] {
  return [`## ${title}`, '', `| ${head} | | |`, '| --- | --- | --- |', ...rows, ''];
}

function spelled(name: string, { short }: DockerOption<never>): string {
  return short === undefined ? `\`--${name}\`` : `\`-${short}\`, \`--${name}\``;
}

function what({ ignored, refused }: DockerOption<never>): string {
  if (ignored !== undefined) return `harmless | ${ignored}`;
  return refused === undefined ? 'translated | ' : `**refused** | ${refused}`;
}
