/** How a service tells what it is doing, and what happens when it no longer does: systemd.service(5), sd_notify(3). */
import { accessOfContainer, type ContainerNotify } from './containerNotify.ts';
import type { DirectiveReader } from './directiveReader.ts';
import { hasParentReference, isAbsolutePath, simplifyPath } from './paths.ts';
import { parseSignal } from './signals.ts';
import { parseTimeSpan } from './timeSpan.ts';
import type { ServiceSpec } from './unitSpec.ts';
import { type Parsed, parseChoice } from './values.ts';

const section = 'Service';

type Supervision = Pick<
  ServiceSpec,
  'notifyAccess' | 'pidFile' | 'watchdogMs' | 'watchdogSignal' | 'timeoutAbortMs' | 'readyWhenHealthy'
>;

/**
 * Who has to tell something is listened to, whatever `NotifyAccess=` says.
 * @param notify what `[Container]` says of it; null: there is no such section.
 */
export function readSupervision(
  reader: DirectiveReader,
  type: ServiceSpec['type'],
  notify: ContainerNotify | null,
): Supervision {
  const watchdogMs = reader.value(section, 'WatchdogSec', parseWatchdog, null);
  const access = reader.value(section, 'NotifyAccess', parseChoice('none', 'main', 'exec', 'all'), 'none');
  const mustTalk = type === 'notify' || watchdogMs !== null;
  const pidFile = readPidFile(reader);
  const timeoutAbortMs = reader.value<number | null | undefined>(section, 'TimeoutAbortSec', parseTimeSpan, undefined);
  return {
    notifyAccess: notify !== null ? accessOfContainer(notify, access) : access === 'none' && mustTalk ? 'main' : access,
    ...(notify === 'healthy' ? { readyWhenHealthy: true } : {}),
    watchdogMs,
    watchdogSignal: reader.value(section, 'WatchdogSignal', parseSignal, 'SIGABRT'),
    ...(pidFile === undefined ? {} : { pidFile }),
    ...(timeoutAbortMs === undefined ? {} : { timeoutAbortMs }),
  };
}

/** 0 and `infinity` switch the watchdog off. */
function parseWatchdog(text: string): Parsed<number | null> {
  const span = parseTimeSpan(text);
  return 'value' in span && span.value === 0 ? { value: null } : span;
}

/** What is no absolute path is below /run. */
function readPidFile(reader: DirectiveReader): string | undefined {
  const written = reader.text(section, 'PIDFile');
  if (written === undefined) return undefined;
  const path = isAbsolutePath(written.text) ? written.text : `/run/${written.text}`;
  if (hasParentReference(path)) reader.fail(written.option, 'must not have .. in it');
  return simplifyPath(path);
}

/** What cannot be had in containers, whose processes the engine alone knows. */
export function checkSupervision(reader: DirectiveReader, service: ServiceSpec): void {
  const inContainer = service.image !== undefined || service.execStart.some(({ docker }) => docker !== undefined);
  if (!inContainer) return;
  for (const name of ['StandardOutput', 'StandardError'] as const) {
    const option = reader.last(section, name);
    const output = service[name === 'StandardOutput' ? 'standardOutput' : 'standardError'];
    if (option && output && output.to !== 'journal')
      reader.warn(option, 'has no effect on a container: its output goes to the journal');
  }
  const [type, watchdog, access] = ['Type', 'WatchdogSec', 'NotifyAccess'].map((name) => reader.last(section, name));
  if (type && service.type === 'forking') {
    reader.fail(type, 'is not possible in a container, which ends with its first process: write Type=exec');
  }
  if (access && service.notifyAccess === 'exec') {
    reader.fail(access, 'is not possible for a container: write main, or all for everybody in it');
  }
  const [main] = service.execStart;
  const option = service.type === 'notify' ? type : (watchdog ?? access);
  if (option && service.notifyAccess !== 'none' && main?.docker && main.docker.verb !== 'run') {
    reader.fail(option, `is for containers that Flotilla starts: docker ${main.docker.verb} gives them no socket`);
  }
}
