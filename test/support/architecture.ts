/**
 * Who may import whom, as ARCHITECTURE.md says, as a function of the sources' texts: {@link findViolations}.
 * Tests are free to import what they like, and so is everything outside `shared`, `services` and `cli`.
 */
import { posix } from 'node:path';

export interface SourceFile {
  /** From the project's root, with `/`. */
  path: string;
  text: string;
}

interface Import {
  specifier: string;
  kind: 'value' | 'type' | 'dynamic';
}

/** Directories whose code depends on nothing but its arguments: no I/O, no clock, no packages. */
const pure = /^(shared\/domain|services\/[^/]+\/(policy|store))\//;

/** Which directories of `shared` a directory of `shared` may import, beside itself. */
const sharedLayers: Record<string, readonly string[]> = {
  domain: [],
  clock: [],
  protocol: ['domain'],
  bus: ['protocol', 'domain', 'clock'],
  log: ['bus', 'protocol', 'domain', 'clock'],
  embedded: ['clock'],
};

/** The one home of each package. A package that is not here may not be imported at all. */
const homes: readonly { packages: RegExp; home: RegExp }[] = [
  { packages: /^@nats-io\//, home: /^shared\/(log|bus|embedded)\// },
  { packages: /^dockerode$/, home: /^services\/node\/runtime\/docker\.ts$/ },
  { packages: /^fastify$/, home: /^services\/api\// },
  { packages: /^cac$/, home: /^cli\/main\.ts$/ },
  { packages: /^xstate$/, home: /(Actor|Chart|Setup)\.ts$/ },
  { packages: /^nanoid$/, home: /\/main\.ts$/ },
  { packages: /^pino$/, home: /\/main\.ts$/ },
  // The borders, where what came from outside gets its type.
  { packages: /^zod$/, home: /^(shared\/protocol\/|services\/.*\/parse[A-Z])/ },
  { packages: /^picocolors$/, home: /^cli\// },
];

/** What would make the same input give another output. */
const impurities =
  /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bperformance\.|\bprocess\.|\bset(Timeout|Interval|Immediate)\b|\bcrypto\.|\bconsole\.|\bfetch\(/;

const subjectLiteral = /['"`]flotilla\.(log|cmd|query|hb|assign|fence|leader|journal|activity|exec|kv|watch)\b/;

/** Everything that breaks a rule, one sentence each; empty when all is well. */
export function findViolations(files: readonly SourceFile[]): string[] {
  return files.filter(({ path }) => isProduct(path)).flatMap(violationsOf);
}

/** The packages that these files import, tests and scripts included. */
export function importedPackages(files: readonly SourceFile[]): Set<string> {
  const specifiers = files.flatMap(({ text }) => importsOf(withoutComments(text)).map((found) => found.specifier));
  return new Set(specifiers.filter(isPackage).map(packageName));
}

function isProduct(path: string): boolean {
  return /^(shared|services|cli)\//.test(path) && !isForTests(path);
}

function isForTests(path: string): boolean {
  return /\.(test|contract)\.ts$|\/testing\//.test(path);
}

function violationsOf({ path, text }: SourceFile): string[] {
  const code = withoutComments(text);
  const problems = importsOf(code).flatMap((found) => problemOf(path, found) ?? []);
  if (pure.test(path)) {
    const impurity = impurities.exec(code);
    if (impurity) problems.push(`uses ${impurity[0]}, but must depend on its arguments alone`);
  }
  if (!path.startsWith('shared/protocol/') && subjectLiteral.test(code)) {
    problems.push('spells out a subject, which only shared/protocol may');
  }
  if (/^export \*/m.test(code)) problems.push('is a barrel: import from the defining file');
  return problems.map((problem) => `${path} ${problem}`);
}

function problemOf(path: string, { specifier, kind }: Import): string | null {
  if (specifier.startsWith('node:')) return pure.test(path) ? `imports ${specifier}, but must be pure` : null;
  if (isPackage(specifier)) return packageProblem(path, packageName(specifier));
  if (!/\.(ts|json)$/.test(specifier)) return `imports ${specifier} without its extension`;
  return layerProblem(path, posix.join(posix.dirname(path), specifier), kind);
}

function packageProblem(path: string, name: string): string | null {
  if (pure.test(path)) return `imports the package ${name}, but must be pure`;
  const home = homes.find(({ packages }) => packages.test(name))?.home;
  if (home === undefined) return `imports the package ${name}, which has no home`;
  return home.test(path) ? null : `imports the package ${name} outside its home ${home.source}`;
}

function layerProblem(path: string, target: string, kind: Import['kind']): string | null {
  if (isForTests(target)) return `imports ${target}, which is for tests`;
  const mayImport = pure.test(path) ? isPureTarget(path, target, kind) : isLowerLayer(path, target, kind);
  return mayImport ? null : `imports ${target}, which its layer may not`;
}

/** Pure code sees what stands beside or below it, and the domain. Of its service and the protocol a policy sees types. */
function isPureTarget(path: string, target: string, kind: Import['kind']): boolean {
  const [own = ''] = pure.exec(path) ?? [];
  if (target.startsWith(own) || target.startsWith('shared/domain/')) return true;
  if (kind !== 'type' || own === 'shared/domain/') return false;
  return target.startsWith('shared/protocol/') || target.startsWith(posix.join(own, '..', '/'));
}

function isLowerLayer(path: string, target: string, kind: Import['kind']): boolean {
  const [top, area = ''] = path.split('/');
  const [targetTop, targetArea = ''] = target.split('/');
  if (targetTop === 'shared') {
    return top !== 'shared' || targetArea === area || (sharedLayers[area]?.includes(targetArea) ?? false);
  }
  if (top === 'services') return targetTop === 'services' && targetArea === area;
  // The one program that starts everything loads a service, or a helper of one, when it is asked to be that.
  const isServiceMain = /^services\/[^/]+\/(guard\/)?main\.ts$/.test(target);
  return top === 'cli' && (targetTop === 'cli' || (kind === 'dynamic' && isServiceMain));
}

function importsOf(code: string): Import[] {
  const fixed = /^\s*(?:import|export)\s(type\s)?(?:[^'"`;]*?\sfrom\s)?\s*['"]([^'"]+)['"]/gm;
  const onDemand = /\bimport\(\s*['"`]([^'"`]+)['"`]\s*\)/g;
  return [
    ...[...code.matchAll(fixed)].map(([, type, specifier = '']) => ({
      specifier,
      kind: type ? ('type' as const) : ('value' as const),
    })),
    ...[...code.matchAll(onDemand)].map(([, specifier = '']) => ({ specifier, kind: 'dynamic' as const })),
  ];
}

/** A `//` inside a string is left alone as long as something other than white space stands before it, as in a URL. */
function withoutComments(text: string): string {
  return text.replace(/\/\*.*?\*\//gs, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}

function isPackage(specifier: string): boolean {
  return !specifier.startsWith('.') && !specifier.startsWith('/') && !specifier.startsWith('node:');
}

function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
