/** The units of a simulated cluster: their files, and what their commands do. */
import type { FakeBehaviour } from '../../services/node/runtime/fakeProcess.ts';
import type { RunRequest } from '../../services/node/runtime/runtime.ts';

/** Every command of them ends, or runs until it is stopped; none gives up. */
const patient = 'Restart=always\nRestartSec=500ms\nTimeoutStopSec=3s\nTimeoutStartSec=10s\n';

const kinds = {
  plain: '[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/bin/main\n',
  steps:
    '[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStartPre=/bin/pre\nExecStart=/bin/main\nExecStartPost=/bin/post\n' +
    'ExecStop=/bin/stop\nExecStopPost=/bin/after\n',
  docker: '[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/usr/bin/docker run --name %p redis\n',
};

const placements = {
  anywhere: '',
  global: '[X-Fleet]\nGlobal=true\n',
  apart: '[X-Fleet]\nConflicts=apart-*\n',
  zoned: '[X-Fleet]\nMachineMetadata=zone=a\n',
  beside: '[X-Fleet]\nMachineOf=plain-1.service\n',
  leased: '[X-Flotilla]\nOnDisconnect=stop\nDisconnectGraceSec=2s\n',
};

export const unitNames = [
  'plain-1.service',
  'plain-2.service',
  'steps-1.service',
  'docker-1.service',
  'docker-2.service',
  'apart-1.service',
  'apart-2.service',
  'zoned-1.service',
  'beside-1.service',
  'everywhere.service',
  'lease-1.service',
  'lease-docker.service',
] as const;

/** From this version on some of them depend on others. */
export const firstDependentVersion = 5;

const dependencies: Record<string, string> = {
  'plain-2.service': '[Unit]\nRequires=plain-1.service\nAfter=plain-1.service\n',
  'docker-2.service': '[Unit]\nWants=plain-2.service\nAfter=plain-2.service docker-1.service\n',
  'apart-1.service': '[Unit]\nRequires=everywhere.service\nPartOf=everywhere.service\nAfter=everywhere.service\n',
};

/** @param version another one, another file. */
export function unitText(name: string, version = 1): string {
  const [kind = ''] = name.split('-');
  const body = kind === 'steps' ? kinds.steps : name.includes('docker') ? kinds.docker : kinds.plain;
  const needs = version < firstDependentVersion ? '' : (dependencies[name] ?? '');
  return `${body}${patient}Environment=VERSION=${version}\n${needs}${placementOf(name, kind)}`;
}

function placementOf(name: string, kind: string): string {
  if (isLeased(name)) return placements.leased;
  if (name === 'everywhere.service') return placements.global;
  return kind === 'apart' || kind === 'zoned' || kind === 'beside' ? placements[kind] : '';
}

/** It must never run twice at once. */
export function isLeased(name: string): boolean {
  return name.startsWith('lease-');
}

export interface Pace {
  startMs: number;
  stopMs: number;
  stubborn: boolean;
}

const controlMs = 20;

export function behaviourOf(
  { command }: RunRequest,
  isMain: boolean,
  { startMs, stopMs, stubborn }: Pace,
): FakeBehaviour {
  if (!isMain || command.path === '/bin/false')
    return { startDelayMs: 1, ends: { afterMs: controlMs + startMs, exit: { kind: 'exited', code: 0 } } };
  return { startDelayMs: 1 + startMs, stopDelayMs: 1 + stopMs, ignores: stubborn ? ['SIGTERM'] : [] };
}

const controls = new Set(['/bin/pre', '/bin/post', '/bin/stop', '/bin/after']);

export function isMainCommand({ command }: RunRequest): boolean {
  return !controls.has(command.path);
}
