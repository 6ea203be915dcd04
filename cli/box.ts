/** Lines in a frame. */
export function renderBox(lines: readonly string[]): string[] {
  const width = Math.max(...lines.map((line) => line.length));
  const bar = '─'.repeat(width + 2);
  return [`╭${bar}╮`, ...lines.map((line) => `│ ${line.padEnd(width)} │`), `╰${bar}╯`];
}
