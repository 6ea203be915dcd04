import type { MetadataChange } from '../../shared/domain/machineMetadata.ts';
import type { MachineView } from '../../shared/domain/views.ts';
import { withClient } from '../client.ts';
import { demand } from '../demand.ts';
import { exitCode, UsageError } from '../errors.ts';
import { resolveMachines } from '../machineNames.ts';
import { formatMetadata } from '../render.ts';
import type { Invocation } from '../verb.ts';
import { machineLabel } from '../words.ts';

type KeyChange = Pick<MetadataChange, 'key' | 'value'>;

export function setMetadata(call: Invocation): Promise<number> {
  return change(call, call.args.slice(1).map(parsePair));
}

export function unsetMetadata(call: Invocation): Promise<number> {
  return change(
    call,
    call.args.slice(1).map((key) => ({ key: checkKey(key), value: null })),
  );
}

function parsePair(text: string): KeyChange {
  const [, key, value] = /^([^=]+)=([^=]+)$/.exec(text) ?? [];
  if (key !== undefined && value !== undefined) return { key: checkKey(key), value };
  throw new UsageError(`"${text}" is not of the form key=value, such as zone=b`);
}

/** What `MachineMetadata=` and fleet's API can name. */
function checkKey(key: string): string {
  if (/^[A-Za-z0-9_.-]+$/.test(key)) return key;
  throw new UsageError(`"${key}" is no key of metadata: letters, digits and _ . - may stand in it`);
}

async function change(call: Invocation, changes: readonly KeyChange[]): Promise<number> {
  return withClient(call, async (client) => {
    const [machine] = await resolveMachines(client, call.args.slice(0, 1));
    if (machine === undefined) return exitCode.failed;
    const body = {
      type: 'ChangeMachineMetadata' as const,
      changes: changes.map((one) => ({ machine: machine.id, ...one })),
    };
    const minSeq = await demand(client, body);
    const { machines } = (await client.query({ type: 'ListMachines' }, { minSeq })).data;
    call.io.out(describe(machines.find(({ id }) => id === machine.id) ?? machine));
    return exitCode.done;
  });
}

function describe(machine: MachineView): string {
  return `Machine ${machineLabel(machine)} has the metadata ${formatMetadata(machine.metadata) || '(none)'}`;
}
