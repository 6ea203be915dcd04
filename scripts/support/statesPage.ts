/** docs/states.md: the chart of a unit, drawn from the machine itself, and what its states are called outside. */
import { unitMachine } from '../../services/node/unitChart.ts';
import { systemdStates } from '../../services/node/unitReport.ts';

/** As much of xstate's nodes as is drawn. */
interface StateNode {
  id: string;
  key: string;
  states: Record<string, StateNode>;
  initial?: { target?: readonly StateNode[] | undefined };
  always?: readonly Transition[];
  invoke: readonly { src: unknown }[];
  transitions: ReadonlyMap<string, readonly Transition[]>;
}

interface Transition {
  eventType: string;
  guard?: unknown;
  target?: readonly StateNode[] | undefined;
}

const before = `# The states of a unit

A service is one state chart (\`services/node/unitChart.ts\`), and its states are systemd's: what \`flotilla list-units\` and
\`flotilla status\` show are the words of systemctl(1), and so are the results. This page is written by \`npm run generate\` from the
chart itself; a test keeps them together. systemd is the judge: \`unitActor.systemd.int.test.ts\` has a manager of systemd's own run
the same unit files, and compares states, results, restarts, the commands that were run and what they were told.

A unit only moves towards its goal. What is wished of it stands beside the chart, and transitions without an event (they are named
here by their condition) follow it. A unit that is adopted by a new start of its agent begins in \`resuming\`, and is then where it was:
what it said by sd_notify(3) was kept for it, also while no agent ran.

## The chart

`;

const after = `
## What is seen of it

| in the chart | \`list-units\` |
| --- | --- |
${Object.entries(systemdStates)
  .map(([path, [active, sub]]) => `| \`${path}\` | ${active} (${sub}) |`)
  .join('\n')}

A unit that waits for others is \`activating (waiting)\`; that is the state of a job, and stands in no chart.

## Results

| result | when |
| --- | --- |
| \`success\` | it ended as it should, or was told to |
| \`exit-code\` | a command ended with another status than 0 and those of \`SuccessExitStatus=\` |
| \`signal\` | a signal ended it that is not a clean end |
| \`timeout\` | \`TimeoutStartSec=\`, \`TimeoutStopSec=\` or \`RuntimeMaxSec=\` was over, also what the service had asked for by \`EXTEND_TIMEOUT_USEC=\` |
| \`watchdog\` | it did not say \`WATCHDOG=1\` for \`WatchdogSec=\`, or said \`WATCHDOG=trigger\` |
| \`protocol\` | with \`Type=notify\` it ended well but never said \`READY=1\` (or was never healthy, with \`Notify=healthy\`); with \`Type=forking\`, it never wrote its \`PIDFile=\` |
| \`start-limit-hit\` | it was started more than \`StartLimitBurst=\` times within \`StartLimitIntervalSec=\`; systemd goes on to show the failure before that, where there was one |
| \`exec-condition\` | \`ExecCondition=\` said "not now" |
| \`condition\`, \`assert\` | \`Condition…=\` or \`Assert…=\` was not met |
| \`dependency\` | another unit that it requires did not come up |
| \`oom-kill\` | the kernel killed it because its memory ran out |
| \`resources\` | it could not be started at all: no such image, environment file, engine … (a program, user or directory that is not there is an \`exit-code\`, 203, 217 or 200, as with systemd) |
| \`lost\` | what carried it died, not the unit itself (the machine was restarted): it is started again, whatever \`Restart=\` says |

## Programs that talk

\`Type=notify\`, \`NotifyAccess=\` and \`WatchdogSec=\` give a unit a socket, \`NOTIFY_SOCKET\`, on which sd_notify(3) and
systemd-notify(1) work: \`READY=1\`, \`RELOADING=1\`, \`STOPPING=1\`, \`WATCHDOG=1\` and \`WATCHDOG=trigger\`, \`STATUS=\` (shown by
\`flotilla status\`, and told to the log at most every 10 seconds), \`ERRNO=\`, \`MAINPID=\`, \`EXTEND_TIMEOUT_USEC=\`. Other variables are
passed over, and file descriptors are closed. Who may speak is known from the kernel (SCM_CREDENTIALS), not from the message. With
\`Type=forking\` the main process is the one that \`PIDFile=\` names or, without it, the only one that is left. Both need
\`/usr/bin/perl\`, which every Debian and Ubuntu has (perl-base); where it is missing, the start of such a unit fails and says so.
Containers have the same ([docker.md](docker.md#containers-that-talk)), but for \`Type=forking\`, \`NotifyAccess=exec\` and \`MAINPID=\`:
the engine follows their first process.

\`flotilla reload\` runs \`ExecReload=\`, which finds \`MAINPID\` in its environment. A unit that is not active is refused rather than
started, and one whose reload fails runs on; \`flotilla status\` says why it failed.

When the main process has ended, what it left behind gets \`KillSignal=\`, and after \`TimeoutStopSec=\` \`FinalKillSignal=\`. That
happens before \`ExecStopPost=\`; under systemd, what outlived a main process that had to be stopped is ended after it.
A main process that nobody kills (\`KillMode=none\`, \`SendSIGKILL=no\`) is waited for once more after \`ExecStopPost=\`, for
\`TimeoutStopSec=\`; then the unit has failed, and the process runs on.

Of a oneshot with several \`ExecStart=\` nothing more begins when it is told to stop, or one of them has taken too long. systemd goes
on with the next one all the same, where that command ended well or \`-\` forgives it; the unit's state and result are the same.
`;

export function statesPage(): string {
  const root = unitMachine.root as unknown as StateNode;
  return `${before}\`\`\`mermaid\nstateDiagram-v2\n${[...drawStates(root, '  '), ...drawEdges(root)].join('\n')}\n\`\`\`\n${after}`;
}

/** States by their names, composite ones with what is in them; mermaid wants ids without dots. */
function drawStates(node: StateNode, indent: string): string[] {
  return Object.values(node.states).flatMap((child) => {
    const inner = drawStates(child, `${indent}  `);
    const name = `${indent}state "${child.key}" as ${idOf(child)}`;
    if (inner.length === 0) return [name];
    const first = child.initial?.target?.[0];
    const start = first ? [`${indent}  [*] --> ${idOf(first)}`] : [];
    return [`${name} {`, ...inner, ...start, `${indent}}`];
  });
}

function drawEdges(root: StateNode): string[] {
  const first = root.initial?.target?.[0];
  const edges = new Map<string, Set<string>>();
  for (const node of allStates(root)) {
    for (const transition of transitionsOf(node)) {
      for (const target of transition.target ?? []) {
        const edge = `${idOf(node)} --> ${idOf(target)}`;
        edges.set(edge, (edges.get(edge) ?? new Set()).add(labelOf(node, transition)));
      }
    }
  }
  const lines = [...edges].map(([edge, labels]) => {
    const label = [...labels].filter((text) => text !== '').join(', ');
    return `  ${edge}${label === '' ? '' : ` : ${label}`}`;
  });
  return [...(first ? [`  [*] --> ${idOf(first)}`] : []), ...lines];
}

function allStates(node: StateNode): StateNode[] {
  return Object.values(node.states).flatMap((child) => [child, ...allStates(child)]);
}

function transitionsOf(node: StateNode): Transition[] {
  return [...(node.always ?? []), ...[...node.transitions.values()].flat()];
}

function idOf({ id }: StateNode): string {
  return id.replace(/^unit\./, '').replaceAll('.', '_');
}

/** The condition where it has a name, else what happened. */
function labelOf({ invoke }: StateNode, { eventType, guard }: Transition): string {
  if (typeof guard === 'string') return guard;
  if (eventType === '') return '';
  const [, , delay] = /^xstate\.after\.(\d+\.)?(\w+)/.exec(eventType) ?? [];
  if (delay !== undefined) return `after ${delay}`;
  const [, outcome, index] = /^xstate\.(done|error)\.actor\.(\d+)\./.exec(eventType) ?? [];
  if (outcome === undefined) return eventType;
  const what = String(invoke[Number(index)]?.src);
  return outcome === 'done' ? `${what} done` : `${what} failed`;
}
