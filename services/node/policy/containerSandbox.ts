/** A unit's sandbox as what docker has for a container: systemd.exec(5), "SANDBOXING", and docker-run(1). */
import type { Mount } from '../../../shared/domain/dockerMounts.ts';
import type { HostConfigBody } from '../../../shared/domain/dockerRun.ts';
import type { Sandbox } from '../../../shared/domain/sandbox.ts';
import type { SandboxBind } from '../../../shared/domain/sandboxPaths.ts';

/**
 * `given` are the paths on the machine that the container has at the same place (`StateDirectory=` and its like), `isThere`
 * tells of an optional path on the machine.
 */
export function sandboxOf(
  sandbox: Sandbox,
  given: readonly string[],
  isThere: (path: string) => boolean,
): HostConfigBody {
  const { capabilities, switches, devices } = sandbox;
  const has = new Set(switches);
  return {
    ...(capabilities === undefined ? {} : { CapDrop: ['ALL'] }),
    ...(capabilities === undefined || capabilities.length === 0 ? {} : { CapAdd: capabilities }),
    ...(has.has('PrivateNetwork') ? { NetworkMode: 'none' } : {}),
    ...(has.has('PrivateIPC') ? { IpcMode: 'private' } : {}),
    // systemd's private /dev has only the pseudo devices, whatever DeviceAllow= says.
    ...(has.has('PrivateDevices') || devices.length === 0
      ? {}
      : {
          Devices: devices.map(({ path, permissions }) => ({
            PathOnHost: path,
            PathInContainer: path,
            CgroupPermissions: permissions,
          })),
        }),
    ...filesOf(sandbox, given, isThere),
  };
}

function filesOf(sandbox: Sandbox, given: readonly string[], isThere: (path: string) => boolean): HostConfigBody {
  const readOnly = readOnlyPathsOf(sandbox);
  const masked = maskedPathsOf(sandbox);
  const tmpfs = tmpfsOf(sandbox);
  const binds = sandbox.binds.filter(({ source, optional }) => !optional || isThere(source));
  const unlike = new Map(binds.map((bind) => [bind.target, bind]));
  const mounts = [...unlike.values()].map(bindMount);
  for (const path of [...unlike.keys(), ...given]) delete tmpfs[path];
  const mounted = [...given.map((path) => plainBind(path)), ...unlike.values()];
  const opened = openedPaths(sandbox.readWritePaths, readOnly, mounted, Object.keys(tmpfs));
  const all = [...mounts, ...opened];
  const below = readOnly.filter((path) => path !== '/');
  return {
    ...(readOnly.includes('/') ? { ReadonlyRootfs: true } : {}),
    // These lists replace what docker protects in every container.
    ...(below.length > 0 ? { ReadonlyPaths: [...dockerReadOnly, ...below] } : {}),
    ...(masked.length > 0 ? { MaskedPaths: [...dockerMasked, ...masked] } : {}),
    ...(Object.keys(tmpfs).length > 0 ? { Tmpfs: tmpfs } : {}),
    ...(all.length > 0 ? { Mounts: all } : {}),
  };
}

const dockerReadOnly = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];
const dockerMasked = [
  ...['/proc/asound', '/proc/acpi', '/proc/kcore', '/proc/keys', '/proc/latency_stats', '/proc/timer_list'],
  ...['/proc/timer_stats', '/proc/sched_debug', '/proc/scsi', '/sys/firmware', '/sys/devices/virtual/powercap'],
];
const homes = ['/home', '/root', '/run/user'];
/** docker mounts these from the machine, so that /etc being read-only does not make them so. */
const dockerOwn = ['/etc/hosts', '/etc/hostname', '/etc/resolv.conf'];

function readOnlyPathsOf({ readOnlyPaths, protectSystem, protectHome, switches }: Sandbox): string[] {
  const system = {
    no: [],
    yes: ['/usr', '/boot', '/efi'],
    full: ['/usr', '/boot', '/efi', '/etc'],
    strict: ['/'],
  }[protectSystem];
  const paths = [
    ...system,
    ...(protectHome === 'read-only' ? homes : []),
    ...(switches.includes('ProtectKernelTunables') ? ['/proc/apm', '/proc/mtrr'] : []),
    ...readOnlyPaths,
  ];
  return [...new Set(paths.includes('/etc') ? [...paths, ...dockerOwn] : paths)];
}

function maskedPathsOf({ inaccessiblePaths, protectHome, switches }: Sandbox): string[] {
  const paths = [
    ...(protectHome === 'yes' ? homes : []),
    ...(switches.includes('ProtectKernelTunables') ? ['/proc/kallsyms'] : []),
    ...(switches.includes('ProtectKernelLogs') ? ['/proc/kmsg'] : []),
    ...(switches.includes('ProtectKernelModules') ? ['/lib/modules', '/usr/lib/modules'] : []),
    ...inaccessiblePaths,
  ];
  return [...new Set(paths)];
}

/** Without more ado docker lets nothing be executed there. */
function tmpfsOf({ switches, protectHome, temporary }: Sandbox): Record<string, string> {
  const shared = switches.includes('PrivateTmp') ? ['/tmp', '/var/tmp'] : [];
  const empty = protectHome === 'tmpfs' ? homes : [];
  return Object.fromEntries([
    ...shared.map((path) => [path, 'exec,mode=1777']),
    ...empty.map((path) => [path, 'ro,mode=0755']),
    ...temporary.map(({ path, options }) => [path, `exec,suid,mode=0755${options === '' ? '' : `,${options}`}`]),
  ]);
}

function plainBind(path: string): SandboxBind {
  return { source: path, target: path, optional: false, readOnly: false, recursive: true };
}

function bindMount({ source, target, readOnly, recursive }: SandboxBind): Mount {
  return {
    Type: 'bind',
    Source: source,
    Target: target,
    ...(readOnly ? { ReadOnly: true } : {}),
    ...(recursive ? {} : { BindOptions: { NonRecursive: true } }),
  };
}

/** A read-only root does not reach there. */
const kernelOwn = ['/dev', '/proc', '/sys'];

/**
 * Mounts that make paths writable below read-only ones. What is there in the image is then in a volume that goes with
 * the container; what is there on the machine is the machine's.
 */
function openedPaths(
  paths: readonly string[],
  readOnly: readonly string[],
  binds: readonly SandboxBind[],
  tmpfs: readonly string[],
): Mount[] {
  const closed = [...readOnly, ...binds.filter((bind) => bind.readOnly).map(({ target }) => target)];
  const covers = [...closed, ...binds.map(({ target }) => target), ...tmpfs, ...kernelOwn];
  return paths.flatMap((path): Mount[] => {
    const nearest = longest(covers.filter((cover) => isWithin(path, cover)));
    if (nearest === undefined || nearest === path || !closed.includes(nearest)) return [];
    const bind = binds.find(
      ({ target }) => target === longest(binds.map((each) => each.target).filter((cover) => isWithin(path, cover))),
    );
    if (bind === undefined) return [{ Type: 'volume', Target: path }];
    return [{ Type: 'bind', Source: `${bind.source}${path.slice(bind.target.length)}`, Target: path }];
  });
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`);
}

function longest(paths: readonly string[]): string | undefined {
  return paths.toSorted((a, b) => b.length - a.length)[0];
}
