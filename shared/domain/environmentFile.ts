/**
 * Reads a file of `EnvironmentFile=`: `NAME=value` lines, comments with `#` or `;`, single and double quotes, a trailing
 * backslash continues a line (systemd.exec(5)). Lines that are no assignment are passed over, as systemd does.
 */
export function parseEnvironmentFile(text: string): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const line of text.replace(/\\\r?\n/g, '').split(/\r?\n/)) {
    const match = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) environment[match[1]] = unquote(match[2].trim());
  }
  return environment;
}

function unquote(value: string): string {
  if (/^'[^']*'$/.test(value)) return value.slice(1, -1);
  if (/^"(?:[^"\\]|\\.)*"$/.test(value)) return value.slice(1, -1).replace(/\\(["\\$`])/g, '$1');
  return value.replace(/\\(.)/g, '$1');
}
