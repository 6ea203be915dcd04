/**
 * Bugs, made on purpose: each breaks one thing that something else relies on. The simulator has to find all of them; one
 * that it does not find is a hole in it. They are changes of the source's text, so that nothing of them is in the product.
 */
export interface Mutant {
  name: string;
  /** A seed that finds it; or a file in `regressions/`, for what was a bug once. */
  seed: number | string;
  /** What is changed; several places where one of two rules is enough. */
  edits: readonly [Edit, ...Edit[]];
}

export interface Edit {
  file: string;
  /** Stands exactly once in the file. */
  find: string;
  replace: string;
}

export const mutants: readonly Mutant[] = [
  {
    name: 'fence removed: a writer that somebody wrote before appends behind it',
    seed: 8,
    edits: [
      {
        file: 'shared/log/appendOnce.ts',
        find: 'if (error instanceof WrongSequenceError) throw fenced(message, error);',
        replace:
          'if (error instanceof WrongSequenceError) { message = { ...message, ' +
          'expectedSeq: (await readLast({ log, clock, signal }, message.subject))?.seq ?? 0 }; continue; }',
      },
    ],
  },
  {
    name: 'an append whose outcome is not known counts as failed',
    seed: 1,
    edits: [
      {
        file: 'shared/log/appendOnce.ts',
        find: 'if (!(error instanceof OutcomeUnknownError) || signal.aborted) throw error;',
        replace: 'if (error instanceof OutcomeUnknownError) throw new AppendRefusedError(error.message); throw error;',
      },
    ],
  },
  {
    name: "an old epoch's election is accepted after a newer one",
    seed: 31,
    edits: [
      {
        file: 'shared/log/replicaActor.ts',
        find: "if (options.epochOf(projection) > epoch) throw new FencedError('a later epoch is on the log');",
        replace: '',
      },
    ],
  },
  {
    name: 'acknowledged before it is durable',
    seed: 1,
    edits: [
      {
        file: 'services/scheduler/commitLoop.ts',
        find: 'const seq = await this.#commit(round, signal);',
        replace:
          'for (const { respond, reply } of round.replies) respond(reply.ok ? ' +
          '{ ...reply, seq: reply.seq || this.#options.projection.seq + 1 } : reply); ' +
          'const seq = await this.#commit(round, signal);',
      },
    ],
  },
  {
    name: 'a command that changes nothing is answered without proof of leadership',
    seed: 183,
    edits: [
      {
        file: 'services/scheduler/commitLoop.ts',
        find: '      await proveLeadership();\n',
        replace: '      void proveLeadership;\n',
      },
    ],
  },
  {
    name: 'a command that comes again is executed again',
    seed: 5,
    edits: [
      {
        file: 'services/scheduler/round.ts',
        find: 'if (answered !== undefined) return this.#repeat(answered, respond);',
        replace: 'if (answered === -1) return this.#repeat(answered, respond);',
      },
    ],
  },
  {
    name: 'a new leader does not listen first, and gives no fresh time-out to machines that it has not heard',
    seed: 10,
    edits: [
      {
        file: 'services/scheduler/machineWatch.ts',
        find: 'const listenFirstMs = 600;',
        replace: 'const listenFirstMs = 0;',
      },
      {
        file: 'services/scheduler/policy/liveness.ts',
        find: 'if (heardAt === undefined) this.heard(machine, now);\n    return heardAt === undefined ? 0 : now - heardAt;',
        replace: 'return now - (heardAt ?? 0);',
      },
    ],
  },
  {
    name: 'a leader that was paused blames the machines, does not make sure that it hears anybody, and waits for nobody',
    seed: 9,
    edits: [
      {
        file: 'services/scheduler/machineWatch.ts',
        find: 'if (now - this.#checkedAt > timeoutMs / 2) this.pardon();',
        replace: '',
      },
      {
        file: 'services/scheduler/machineWatch.ts',
        find: '    } else if (this.#echo === null) {\n      this.#sendEcho(now);\n',
        replace:
          '    } else if (this.#echo === null) {\n      this.#echo = { number: 0, sentAt: now, tookMs: 0 };\n      this.#judge(silent, now);\n',
      },
      {
        file: 'services/scheduler/commitLoop.ts',
        find: '    const { silences } = this.#options;\n    try {\n      if (silences()',
        replace:
          '    const silent = this.#options.silences();\n    const silences = () => silent;\n    try {\n      if (silences()',
      },
    ],
  },
  {
    name: 'an agent that makes room is not waited for',
    seed: 20,
    edits: [
      {
        file: 'services/scheduler/policy/liveness.ts',
        find: 'this.#leaving.get(machine)?.backWithinMs ?? 0',
        replace: '0',
      },
    ],
  },
  {
    name: 'an agent leaves before its units have ended',
    seed: 2,
    edits: [
      {
        file: 'services/node/nodeWork.ts',
        find: 'await registry.drain(reason);',
        replace: 'void registry.drain(reason);',
      },
    ],
  },
  {
    name: 'a machine is silent while its units end before it leaves',
    seed: 25,
    edits: [
      {
        file: 'services/node/nodeActor.ts',
        find: "        // Until everything has stopped the machine is there: nothing of it may be started elsewhere yet.\n        { src: 'heartbeat', ...ofWork },\n",
        replace: '',
      },
    ],
  },
  {
    name: 'assignments are not published again after an election',
    seed: 22,
    edits: [
      {
        file: 'services/scheduler/lead.ts',
        find: '  term.publish(readyMachines(projection.state), projection.seq);\n',
        replace: '',
      },
    ],
  },
  {
    name: 'an assignment that has not arrived is not sent again',
    seed: 'assignment-lost-everywhere.json',
    edits: [
      {
        file: 'services/scheduler/lead.ts',
        find: 'if (heartbeat.assignment < assignment && isAllPublished) this.#publish(machine, assignment);',
        replace: '',
      },
    ],
  },
  {
    name: 'an assignment that is sent again says what it did not say before',
    seed: 'assignment-sent-again-with-more.json',
    edits: [
      {
        file: 'services/scheduler/lead.ts',
        find: 'assignment && isAllPublished) this.#publish',
        replace: 'assignment) this.#publish',
      },
    ],
  },
  {
    name: 'an older assignment is taken up after a newer one',
    seed: 35,
    edits: [
      {
        file: 'services/node/unitRegistry.ts',
        find: 'assignment.version < this.version || ',
        replace: '',
      },
    ],
  },
  {
    name: 'adoption is skipped: what an earlier agent started is not taken up',
    seed: 1,
    edits: [
      {
        file: 'services/node/unitWork.ts',
        find: 'if (main) return main;',
        replace: 'if (main) return null;',
      },
    ],
  },
  {
    name: 'the token of what is adopted is ignored: a restart that was asked for meanwhile is forgotten',
    seed: 140,
    edits: [
      {
        file: 'services/node/unitContext.ts',
        find: "assigned.desired === 'launched' && main.token < assigned.restart;",
        replace: 'false;',
      },
    ],
  },
  {
    name: 'strays of earlier agents are let run',
    seed: 22,
    edits: [
      {
        file: 'services/node/unitRegistry.ts',
        find: '    this.#removeStrays();\n',
        replace: '    void this.#removeStrays;\n',
      },
    ],
  },
  {
    name: 'a key is read without a barrier',
    seed: 13,
    edits: [
      {
        file: 'services/kv/replicaService.ts',
        find: '    const error = await this.readBarrier();\n    if (error) return { ok: false, error };\n    const response',
        replace: '    const response',
      },
    ],
  },
  {
    name: 'a lease counts from when the answer was received, not from when the heartbeat was sent',
    seed: 3,
    edits: [
      {
        file: 'services/node/nodeWork.ts',
        find: 'leases.renew(sentAt);',
        replace: 'leases.renew(Math.max(sentAt, clock.monotonicNow()));',
      },
    ],
  },
  {
    name: 'leases are renewed by who cannot prove that it leads',
    seed: 5,
    edits: [
      {
        file: 'services/scheduler/leaseWatch.ts',
        find: 'return now - this.#options.leader.provenAt <= leaseProofMs;',
        replace: 'return true;',
      },
    ],
  },
  {
    name: 'a new leader does not count with what the one before it answered',
    seed: 167,
    edits: [{ file: 'services/scheduler/leaseWatch.ts', find: 'this.#startedAt + leaseProofMs', replace: '0' }],
  },
  {
    name: 'a unit is placed while its lease on another machine goes on',
    seed: 2,
    edits: [
      {
        file: 'services/scheduler/policy/filters.ts',
        find: 'if (held === undefined ||',
        replace: 'if (held?.machine !== undefined || held === undefined ||',
      },
    ],
  },
  {
    name: 'the machine that is lost is taken to have stopped its leased units',
    seed: 2,
    edits: [
      {
        file: 'services/scheduler/leaseWatch.ts',
        find: 'if (clock.monotonicNow() < leaseOverAt(answeredAt, lease)) return null;',
        replace: 'void leaseOverAt; void answeredAt;',
      },
    ],
  },
  {
    name: 'a start does not ask for its lease',
    seed: 17,
    edits: [
      {
        file: 'services/node/runtime/runtime.ts',
        find: 'if (mayStart?.() === false)',
        replace: 'if (mayStart === null)',
      },
    ],
  },
  {
    name: 'who is the first to hold a lease begins on what is left of the last one',
    seed: 'started-on-what-was-left-of-a-lease.json',
    edits: [
      {
        file: 'services/node/leaseKeeper.ts',
        find: '    if (this.#holders.size === 0) this.#renewedAt = Number.NEGATIVE_INFINITY;\n',
        replace: '',
      },
    ],
  },
  {
    name: 'what was stopped for want of a lease stays stopped under the next agent',
    seed: 'suspended-without-a-log.json',
    edits: [
      {
        file: 'services/node/unitContext.ts',
        find: '(suspended.resumes || startWished',
        replace: '(startWished',
      },
    ],
  },
  {
    name: 'a key/value request that comes again is executed again',
    seed: 27,
    edits: [
      {
        file: 'services/kv/commitLoop.ts',
        find: 'if (known !== undefined) return',
        replace: 'if (known === 0) return',
      },
    ],
  },
  {
    name: 'a read does not wait for the commit that is under way',
    seed: 'follower-ahead-of-its-leader.json',
    edits: [
      {
        file: 'services/kv/commitLoop.ts',
        find: 'this.#proveBeside(this.#underWay)',
        replace: 'this.#proveBeside(null)',
      },
    ],
  },
  {
    name: 'a unit that is moved does not wait for its copy',
    seed: 1,
    edits: [
      {
        file: 'services/scheduler/policy/reconcile.ts',
        find: 'const awaits = awaited === undefined ? {} : { awaits: awaited };',
        replace: 'const awaits = {}; void awaited;',
      },
    ],
  },
  {
    name: 'a machine that does not know yet that it has lost a unit is believed to have ended it',
    seed: 'moved-from-a-deaf-machine.json',
    edits: [
      {
        file: 'services/scheduler/lead.ts',
        find: 'if (isUpToDate) this.copies.heard',
        replace: 'this.copies.heard',
      },
    ],
  },
  {
    name: 'a machine is believed that has not been sent yet what the log has given back',
    seed: 'moved-before-its-assignment-was-published.json',
    edits: [
      {
        file: 'services/scheduler/lead.ts',
        find: 'heartbeat.assignment === assignment && isAllPublished;',
        replace: 'heartbeat.assignment === assignment;',
      },
    ],
  },
  {
    name: 'a restart that an earlier agent has done is done again',
    seed: 'restarted-just-before-a-crash.json',
    edits: [
      {
        file: 'services/node/unitContext.ts',
        find: ' && !isRestarted;',
        replace: ';',
      },
    ],
  },
  {
    name: 'what an earlier agent started after a rest that it had written down is not looked for',
    seed: 'started-just-before-a-crash.json',
    edits: [
      {
        file: 'services/node/unitWork.ts',
        find: 'if (main === null || !isSinceRest(context, main)) return null;',
        replace: 'if (main === null || context.rest !== null) return null; void isSinceRest;',
      },
    ],
  },
  {
    name: 'Restart= starts what has been moved back here beside its copy',
    seed: 'lost-and-moved-back.json',
    edits: [
      {
        file: 'services/node/unitSetup.ts',
        find: 'awaitsCopy: ({ context }) => context.assigned.awaits !== undefined,',
        replace: 'awaitsCopy: () => false,',
      },
    ],
  },
  {
    name: 'what a full disk did not take counts as written',
    seed: 978,
    edits: [{ file: 'services/node/nodeStore.ts', find: '        wanted ??= memory;\n', replace: '' }],
  },
  {
    name: 'a new version starts before it is written down that the old one is gone',
    seed: 'replaced-just-before-a-crash.json',
    edits: [
      {
        file: 'services/node/unitRegistry.ts',
        find: 'await this.#options.remembered?.();',
        replace: '',
      },
    ],
  },
];
