/** `.target` units: systemd.target(5). They run nothing, and are there so that others can be started and waited for together. */
import { DirectiveReader } from './directiveReader.ts';
import { interpretService } from './interpretService.ts';
import type { Specifiers } from './specifiers.ts';
import { parseUnitFile } from './unitFile.ts';
import type { ServiceSpec } from './unitSpec.ts';

const runsNothing = parseUnitFile('[Service]\nType=oneshot\nRemainAfterExit=yes\n').file;

/** A target as the service that it is like: it has nothing to run, and is active from its start to its stop. */
export function readTarget(reader: DirectiveReader, specifiers: Specifiers): ServiceSpec {
  for (const option of reader.all('X-Flotilla').filter(({ name }) => name === 'Image')) {
    reader.fail(option, 'has no meaning for a target, which runs nothing');
  }
  // That it has no command is an error of services only.
  return interpretService(new DirectiveReader(runsNothing, specifiers), specifiers);
}
