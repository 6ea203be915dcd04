/** `[Container] Notify=`: who says when the container is ready; podman-systemd.unit(5), podman-run(1) `--sdnotify`. */
import type { DirectiveReader } from './directiveReader.ts';
import type { ServiceSpec } from './unitSpec.ts';
import { type Parsed, parseBoolean } from './values.ts';

/** The container itself (`yes`), its health check (`healthy`), or nobody: it is when it has started. */
export type ContainerNotify = 'no' | 'yes' | 'healthy';

export function readContainerNotify(reader: DirectiveReader): ContainerNotify {
  return reader.value('Container', 'Notify', parseNotify, 'no');
}

function parseNotify(text: string): Parsed<ContainerNotify> {
  if (text === 'healthy') return { value: text };
  const parsed = parseBoolean(text);
  if ('error' in parsed) return { error: 'is none of yes, no, healthy' };
  return { value: parsed.value ? 'yes' : 'no' };
}

/** Under podman every container has `Type=notify`; where it does not talk, podman says for it that it has started. */
export function typeOfContainer(notify: ContainerNotify, type: ServiceSpec['type']): ServiceSpec['type'] {
  return notify === 'no' && type === 'notify' ? 'exec' : type;
}

/** Everybody in the container may speak for it, unless the unit says otherwise. */
export function accessOfContainer(
  notify: ContainerNotify,
  written: ServiceSpec['notifyAccess'],
): ServiceSpec['notifyAccess'] {
  if (notify !== 'yes') return 'none';
  return written === 'none' ? 'all' : written;
}

/** What would wait for ever for what nobody says. */
export function checkContainerNotify(reader: DirectiveReader, notify: ContainerNotify, service: ServiceSpec): void {
  const option = reader.last('Container', 'Notify');
  if (option && notify !== 'no' && service.type !== 'notify') {
    reader.fail(option, `stands beside Type=${service.type}, which does not wait for it: leave Type= out`);
  }
  const watchdog = reader.last('Service', 'WatchdogSec');
  if (watchdog && service.watchdogMs !== null && notify !== 'yes') {
    reader.fail(watchdog, 'needs Notify=yes in [Container]: else nobody hears that the program is alive');
  }
}
