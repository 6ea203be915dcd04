import type { ServiceSpec } from '../../shared/domain/unitSpec.ts';
import type { EndedCommand } from '../../shared/protocol/node.ts';
import type { Exit } from './runtime/runtime.ts';

/** Of one activation of a unit: its commands that have ended, for those who look at the unit. It is on no log. */
export class EndedCommands {
  readonly #byLine = new Map<string, EndedCommand>();

  /** A command that runs again (ExecReload=) is told once, as it ended last; an end that nobody saw is not told. */
  note(list: CommandDirective, { line, pid, exit }: { line: string; pid?: number | undefined; exit: Exit }): void {
    const end = endOf(exit);
    if (end === null) return;
    const directive = `E${list.slice(1)}`;
    const key = `${directive}=${line}`;
    this.#byLine.delete(key);
    this.#byLine.set(key, { directive, line, ...(pid === undefined ? {} : { pid }), exit: end });
  }

  /** In the order in which they ended. */
  list(): EndedCommand[] {
    return [...this.#byLine.values()];
  }
}

/** Directives that hold commands, as the spec has them. */
export type CommandDirective = Extract<keyof ServiceSpec, `exec${string}`>;

function endOf(exit: Exit): EndedCommand['exit'] | null {
  switch (exit.kind) {
    case 'exited':
      return { code: exit.code };
    case 'killed':
      return { signal: exit.signal };
    case 'lost':
      return null;
    default:
      return exit satisfies never;
  }
}
