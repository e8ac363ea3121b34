/** A bug, planted: text of a source file that is replaced. `find` stands there exactly once. */
export interface Mutant {
  readonly name: string;
  /** Below `src/`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/**
 * Bugs of the kinds that lose work, double it or hang it. Each is what somebody in a hurry could write; the simulation
 * must find every one of them within the CI budget.
 */
export const MUTANTS: readonly Mutant[] = [
  {
    name: 'no fencing: who does not answer is taken for gone',
    file: 'engine/acting.ts',
    find: `    case 'unknown':
      attemptUnreachable(core, attempt.id, answer.why);`,
    replace: `    case 'unknown':
      attemptGone(core, attempt.id, { why: answer.why });`,
  },
  {
    name: 'a leaked slot: what an ended attempt held is not given back',
    file: 'engine/attempts.ts',
    find: `  attempt.run.wakeAt.delete(attempt.job);
  giveBackGrant(core, attempt);`,
    replace: `  attempt.run.wakeAt.delete(attempt.job);
  if (attempt.fence !== 2) giveBackGrant(core, attempt);`,
  },
  {
    name: 'an effect before its commit: launched before the intent is durable',
    file: 'engine/loop.ts',
    find: 'this.#committer.commit(core.takeOutbox());',
    replace:
      '{ const out = core.takeOutbox(); launchAll(this, out.launches); out.launches = []; this.#committer.commit(out); }',
  },
  {
    name: 'told before commit: the commit is not waited for',
    file: 'engine/committer.ts',
    find: 'if (ours.length > 0) await store.commit(ours.map(({ commit }) => commit));',
    replace: 'void store.commit(ours.map(({ commit }) => commit)).catch(() => undefined);',
  },
  {
    name: 'acknowledged before commit: a wish is answered when it is heard',
    file: 'engine/loop.ts',
    find: 'this.core.out.waiters.push((failure) => (failure === undefined ? resolve() : reject(failure)));',
    replace: 'resolve();',
  },
  {
    name: 'a forgotten wake-up: the pause between attempts never ends',
    file: 'engine/attempts.ts',
    find: `else core.timers.add(core.now.mono + delay, 'backoff', { run, job, fence: table.fence[job] as number });`,
    replace: '',
  },
  {
    name: 'a forgotten look: an end whose report was lost is never asked after',
    file: 'engine/turn.ts',
    find: 'core.out.rechecks.push(attempt);',
    replace: '',
  },
  {
    name: 'a retry not charged: attempts have no end',
    file: 'engine/attempts.ts',
    find: 'column[job] = (column[job] as number) + 1;',
    replace: '',
  },
  {
    name: 'a cancel not persisted: forgotten by the next engine',
    file: 'engine/attempts.ts',
    find: 'run.table.flags[job] = (run.table.flags[job] as number) | flag;',
    replace: 'void flag;',
  },
  {
    name: 'an order edge treated as data: only done will do',
    file: 'engine/waiting.ts',
    find: `  return (accept & acceptBit(status)) !== 0 ? 'yes' : 'dooms';`,
    replace: `  return status === 'done' ? 'yes' : 'cancels';`,
  },
  {
    name: 'backoff not restored after a crash',
    file: 'engine/taking-over.ts',
    find: 'armWakeUps(core, run);',
    replace: '',
  },
  {
    name: 'a duplicate end applied: an attempt stays known when it has ended',
    file: 'engine/attempts.ts',
    find: 'core.attempts.delete(attempt.id);',
    replace: '',
  },
  {
    name: 'truth not judged at grant: a condition that was true once is true',
    file: 'engine/granting.ts',
    find: '(flags & SUCCESSOR) === 0 && !passes(core, run, job, condition)',
    replace: '(flags & SUCCESSOR) === 0 && false',
  },
  {
    name: 'what another owner has is told and acted on',
    file: 'engine/committer.ts',
    find: 'out.keepOnly((run) => core.runs.get(run.id) === run);',
    replace: '',
  },
  {
    name: 'promotion forgotten: who stands in line stays there, whatever ends before',
    file: 'engine/attempts.ts',
    find: '  promote(core, attempt.place);',
    replace: '',
  },
  {
    name: 'counted twice: what is sent ahead holds its cpu at once, and again when there is room',
    file: 'engine/granting.ts',
    find: '  if (isAhead) lineUp(attempt);',
    replace: '  if (isAhead) { lineUp(attempt); takeFrom(place, queue.request); }',
  },
  {
    name: 'a place in line kept by who has left it',
    file: 'engine/attempts.ts',
    find: '  if (attempt.isAhead) return leaveLine(attempt);',
    replace: '  if (attempt.isAhead) return;',
  },
  {
    name: 'raised by what is no fault of its own: a loss asks for more, too',
    file: 'engine/escalating.ts',
    find: `  if (outcome.kind === 'memory') return 'memory';`,
    replace: `  if (outcome.kind === 'memory' || outcome.kind === 'preempted') return 'memory';`,
  },
  {
    name: 'what was raised is forgotten by the next engine',
    file: 'engine/loading.ts',
    find: '        escalateAgain(core, run, job.job, await countedEnds(store, run, job));',
    replace: '        void escalateAgain;',
  },
  {
    name: 'parts of a device counted as nothing',
    file: 'engine/devices.ts',
    find: 'const used = (held.get(gpu) ?? 0) + by;',
    replace: 'const used = (held.get(gpu) ?? 0) + Math.trunc(by);',
  },
  {
    name: 'totals that are never given back',
    file: 'engine/attempts.ts',
    find: '  countPool(core.pool, attempt.grant, -1);',
    replace: '',
  },
  {
    name: 'granted while another run is taken over: what that holds is not counted',
    file: 'engine/granting.ts',
    find: 'core.draining || !core.grantable || core.takingOver > 0',
    replace: 'core.draining || !core.grantable',
  },
  {
    name: 'what is still to come taken for what never comes',
    file: 'engine/run-state.ts',
    find: 'return job < this.sealedTo;',
    replace: 'return true;',
  },
  {
    name: 'an open run that ends with its last job',
    file: 'engine/runs.ts',
    find: 'if (!run.closed || run.unfinished > 0',
    replace: 'if (run.unfinished > 0',
  },
  {
    name: 'an expansion in a commit after the end of its control node',
    file: 'engine/expanding.ts',
    find: 'if (end.segment !== undefined) takeIn(core, run, end.segment);',
    replace: `{
      const { segment } = end;
      const later = function* (): Generator<void> { yield; if (segment !== undefined) takeIn(core, run, segment); };
      addChore(core, run, later());
    }`,
  },
  {
    name: 'late edges forgotten on resume: who gathers waits for its control node only',
    file: 'engine/loading.ts',
    find: '    run.addLate(segment);',
    replace: '',
  },
  {
    name: 'late edges not counted: who gathers is expanded before what it gathers has ended',
    file: 'engine/expanding.ts',
    find: 'table.waits[to] = (table.waits[to] as number) + 1;',
    replace: 'void to;',
  },
  {
    name: 'a cap not released: what held it is counted for ever',
    file: 'engine/attempts.ts',
    find: '  countHeld(attempt.run, attempt.job, -1);',
    replace: '',
  },
  {
    name: 'a cap not counted on resume',
    file: 'engine/loading.ts',
    find: '  countHeld(run, job, 1);',
    replace: '',
  },
  {
    name: 'skip not propagated on resume: what was skipped is taken for what is still to come',
    file: 'engine/loading.ts',
    find: `const status = job.status === 'created' ? SKIPPED : statusCode(job.status);`,
    replace: `const status = statusCode(job.status === 'created' ? 'pending' : job.status);`,
  },
  {
    name: 'what needs the value of a skipped node runs without it',
    file: 'engine/waiting.ts',
    find: `return accept === DATA_EDGE ? 'skips' : 'yes';`,
    replace: `return 'yes';`,
  },
  {
    name: 'expanded though it was cancelled or held while its inputs were read',
    file: 'engine/controls.ts',
    find: ' || run.controls.get(job) !== control',
    replace: '',
  },
];
