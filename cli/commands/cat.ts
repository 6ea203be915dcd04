import { type Client, withClient } from '../client.ts';
import { exitCode, FailureError } from '../errors.ts';
import { describeUnits } from '../unitDetails.ts';
import { resolveUnits } from '../unitNames.ts';
import type { Invocation } from '../verb.ts';
import { readVersions } from '../versions.ts';

/** Prints unit files byte for byte; of several, one after the other. */
export async function cat(call: Invocation): Promise<number> {
  const version = call.options.count('version', { min: 1, max: Number.MAX_SAFE_INTEGER });
  const texts = await withClient(call, async (client) => {
    const names = await resolveUnits(client, call.args);
    return version === undefined ? currentTexts(client, names) : versionTexts(client, names, version);
  });
  for (const text of texts) call.io.write(text);
  return exitCode.done;
}

async function currentTexts(client: Client, names: readonly string[]): Promise<string[]> {
  const units = await describeUnits(client, names);
  const unknown = units.filter(({ file }) => file === undefined).map(({ name }) => name);
  if (unknown.length > 0) throw new FailureError(`not known to the cluster: ${unknown.join(', ')}`);
  return units.map(({ text }) => text ?? '');
}

async function versionTexts(client: Client, names: readonly string[], number: number): Promise<string[]> {
  const log = await client.openLog();
  const texts: string[] = [];
  for (const name of names) {
    const versions = await readVersions(log, name);
    const found = versions[number - 1];
    if (!found) throw new FailureError(`${name} has no version ${number}: it has had ${versions.length}`);
    texts.push(found.text);
  }
  return texts;
}
