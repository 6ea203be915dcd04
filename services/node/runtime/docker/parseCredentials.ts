/** The shapes of docker's `config.json`, as far as it is about registries, and of what a credential helper prints. */
import * as z from 'zod';

const text = z.string().optional();
const configFile = z.object({
  auths: z
    .record(
      z.string(),
      z.object({ auth: text, username: text, password: text, identitytoken: text, registrytoken: text }),
    )
    .default({}),
  credHelpers: z.record(z.string(), z.string()).default({}),
  credsStore: text,
});
const helperAnswer = z.object({ Username: z.string(), Secret: z.string() });

export type ConfigFile = z.infer<typeof configFile>;

/** Null: it is none. Not what is wrong with it, which could quote it. */
export function parseConfigFile(content: string): ConfigFile | null {
  return configFile.safeParse(parseJson(content)).data ?? null;
}

/** Null: it is no answer. */
export function parseHelperAnswer(printed: string): z.infer<typeof helperAnswer> | null {
  return helperAnswer.safeParse(parseJson(printed)).data ?? null;
}

function parseJson(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}
