import type { MachineView } from '../shared/domain/views.ts';
import type { Client } from './client.ts';
import { FailureError } from './errors.ts';
import { shortId } from './words.ts';

/**
 * The machines that are meant, by id or the beginning of one, host name, or address.
 * @throws {FailureError} none is, or several are.
 */
export async function resolveMachines(client: Client, typed: readonly string[]): Promise<MachineView[]> {
  const { machines } = (await client.query({ type: 'ListMachines' })).data;
  return typed.map((word) => machineOf(machines, word));
}

function machineOf(machines: readonly MachineView[], word: string): MachineView {
  const begin = word.replace(/…$/, '');
  const exact = machines.filter(({ id, hostname, ip }) => [id, hostname, ip].includes(word));
  const found = exact.length > 0 ? exact : machines.filter(({ id }) => begin !== '' && id.startsWith(begin));
  const [machine, ...others] = found;
  if (machine === undefined) throw new FailureError(`no machine is called "${word}"; see: flotilla list-machines`);
  if (others.length === 0) return machine;
  const names = found.map(({ id, hostname }) => `${shortId(id)} (${hostname})`).join(', ');
  throw new FailureError(`"${word}" may be any of ${names}: write more of the machine's id`);
}
