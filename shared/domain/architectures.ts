/** Names of architectures: systemd.unit(5), "ConditionArchitecture=". */

/** By what uname(1) calls the machine; i386 to i686 and the like are under their family's name. */
const byMachine: Readonly<Record<string, string>> = {
  x86_64: 'x86-64',
  i686: 'x86',
  i586: 'x86',
  i486: 'x86',
  i386: 'x86',
  ppc64: 'ppc64',
  ppc64le: 'ppc64-le',
  ppc: 'ppc',
  ppcle: 'ppc-le',
  ia64: 'ia64',
  parisc64: 'parisc64',
  parisc: 'parisc',
  s390x: 's390x',
  s390: 's390',
  sparc64: 'sparc64',
  sparc: 'sparc',
  mips64: 'mips64',
  mips: 'mips',
  alpha: 'alpha',
  aarch64: 'arm64',
  aarch64_be: 'arm64-be',
  armv4l: 'arm',
  armv5tel: 'arm',
  armv6l: 'arm',
  armv7l: 'arm',
  armv8l: 'arm',
  armv7b: 'arm-be',
  m68k: 'm68k',
  tilegx: 'tilegx',
  crisv32: 'cris',
  arc: 'arc',
  arceb: 'arc-be',
  riscv32: 'riscv32',
  riscv64: 'riscv64',
  loongarch64: 'loongarch64',
};

export const systemdArchitectures: ReadonlySet<string> = new Set([
  ...Object.values(byMachine),
  'mips-le',
  'mips64-le',
  'sh',
  'sh64',
  'nios2',
]);

/** Undefined where systemd has no name for it. */
export function architectureOf(machine: string): string | undefined {
  return Object.hasOwn(byMachine, machine) ? byMachine[machine] : undefined;
}
