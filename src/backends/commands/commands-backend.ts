import {
  type AttemptId,
  type AttemptOrder,
  type AttemptProcess,
  asError,
  type Backend,
  type BackendCapabilities,
  type BackendContext,
  type BackendEvent,
  HeddleError,
  type LaunchAnswer,
  type Outcome,
  type Place,
  type RecoverAnswer,
  type RecoverQuery,
  type Usage,
} from '../../model/index.ts';
import { type Launcher, type LauncherAnswer, MemoryKills, sharesGroup } from '../../process/index.ts';
import { cutShellsWord, readClaim, readExitRecord, writeFence } from '../workdir/index.ts';
import { CAPABILITIES, never } from './capabilities.ts';
import { boundedBytes, isElsewhere, sweepThen } from './contained.ts';
import { clear, type Ender, endRemains, redactThen } from './ending.ts';
import { type End, judgeEnd } from './judge.ts';
import { shortest } from './launcher-pool.ts';
import { LiveAttempt } from './live-attempt.ts';
import { type CommandsOptions, type Machinery, openMachinery } from './machinery.ts';
import { type Ended, endedAnswer, type Found, lookInto } from './recovery.ts';

/** Runs commands as processes of this machine, each in a work directory of its own. */
export function commandsBackend(options: CommandsOptions = {}): Backend {
  return new CommandsBackend(options);
}

/** Between looks at an attempt of an earlier engine. */
const ADOPTED_LOOK_MS = 100;
/** Launchers that died before taking one order, before we stop believing in the next. */
const MAX_MOVES = 3;

/**
 * An attempt is in `#live` from its launch until nothing of it lives and its end is told, and its end is in `#ended`
 * from then until the engine has committed it: a report that got lost is told again when `recover` asks.
 */
class CommandsBackend implements Backend {
  readonly name = 'commands';
  readonly capabilities: BackendCapabilities = CAPABILITIES;
  readonly #options: CommandsOptions;
  readonly #live = new Map<AttemptId, LiveAttempt>();
  readonly #ended = new Map<AttemptId, Ended>();
  readonly #memoryKills = new MemoryKills();
  #opened: Machinery | undefined;

  constructor(options: CommandsOptions) {
    this.#options = options;
  }

  async open(context: BackendContext): Promise<readonly Place[]> {
    this.#opened = await openMachinery(this.#options, {
      context,
      live: this.#live,
      start: (live) => this.#start(live),
      changed: (places) => this.#report({ kind: 'places', places }),
      first: ({ attempt }) => this.#report({ kind: 'phase', attempt, phase: 'active' }),
      alive: ({ attempt }) => this.#report({ kind: 'heartbeat', attempt }),
      failed: ({ attempt }, error) => this.#complain(error, `cannot look after the output of ${attempt}`),
    });
    return this.#opened.slots.places;
  }

  launch(orders: readonly AttemptOrder[]): readonly LaunchAnswer[] {
    return orders.map((order) => this.#launch(order));
  }

  cancel(attempt: AttemptId, graceMs: number): void {
    const live = this.#live.get(attempt);
    if (live === undefined) return;
    if (live.room === 'awaited') return this.#tell(live, { kind: 'cancelled', by: 'user' });
    const killAt = this.#now() + graceMs;
    if (live.cancelling !== undefined) {
      live.cancelling.killAt = Math.min(live.cancelling.killAt, killAt);
      return;
    }
    live.cancelling = { killAt, termSent: false };
    this.#push(live);
  }

  async recover(queries: readonly RecoverQuery[]): Promise<readonly RecoverAnswer[]> {
    return Promise.all(
      queries.map((query) =>
        this.#recover(query).catch((error: unknown) => ({ kind: 'unknown' as const, why: asError(error).message })),
      ),
    );
  }

  release(attempts: readonly AttemptId[]): void {
    for (const attempt of attempts) this.#ended.delete(attempt);
  }

  *processes(): Generator<AttemptProcess, void> {
    for (const live of this.#live.values()) if (live.process !== undefined && !isElsewhere(live)) yield live.process;
  }

  recall(attempts: readonly AttemptId[]): void {
    for (const attempt of attempts) {
      const live = this.#live.get(attempt);
      if (live?.room === 'awaited') this.#gone(live, 'it was taken back before it began', true);
    }
  }

  resize(slots: number): void {
    this.#use().slots.resize(slots);
  }

  /** What still runs goes on: its launcher writes the record, and `recover` finds it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    opened?.slots.close();
    opened?.directories.close(this.#live.size > 0);
    for (const live of this.#live.values()) live.launcher?.abandon();
    this.#live.clear();
    await opened?.pool.close();
  }

  #launch(order: AttemptOrder): LaunchAnswer {
    const { attempt, directory, work, limits, grant } = order;
    const { boundOf, directories, pool, slots, watch, cwd } = this.#use();
    if (work.kind !== 'command') return never('this backend runs commands only');
    if (directory === '' || /[\n\0]|\s$/.test(directory)) return never(`no command can run in '${directory}'`);
    const { memory, entrance } = boundOf(attempt, boundedBytes(order));
    try {
      const { kind, program } = directories.prepare(order, work, entrance);
      const isAhead = grant.ahead === true;
      const launcher = isAhead ? undefined : pool.take();
      const live = new LiveAttempt({
        attempt,
        of: order,
        directory,
        work,
        limits,
        order: { attempt, fence: order.fence, directory: shortest(directory, cwd), kind, program },
        cpus: grant.cpus,
        memory,
        now: this.#now(),
        redactor: order.redactor,
      });
      this.#live.set(attempt, live);
      if (launcher === undefined) slots.lineUp(live);
      else {
        slots.hold(live);
        this.#give(live, launcher);
      }
      watch.wake();
      // No handle: its directory says who has it, and a row written for each start costs more than the start.
      return { kind: 'accepted', handle: '' };
    } catch (error) {
      memory?.release();
      const why = asError(error).message;
      // A HeddleError that no wait mends is the work's fault; anything else the machine's: full, or out of something.
      if (HeddleError.is(error) && error.code !== 'BACKEND_UNAVAILABLE') return never(why, error);
      return { kind: 'refused', retryable: true, why };
    }
  }

  #give(live: LiveAttempt, launcher: Launcher): void {
    live.launcher = launcher;
    launcher.give(live.order, (answer) => this.#answered(live, answer));
  }

  /** Starts one that waited for room, or whose launcher died before it took the order, for which `before` says why. */
  #start(live: LiveAttempt, before?: string): void {
    try {
      this.#give(live, this.#use().pool.take());
    } catch (error) {
      this.#fence(live);
      const { message } = asError(error);
      this.#gone(live, before === undefined ? message : `${before}; ${message}`, before === undefined);
    }
  }

  #answered(live: LiveAttempt, answer: LauncherAnswer): void {
    if (this.#opened === undefined) return;
    switch (answer.kind) {
      case 'died':
        this.#orphaned(live, answer.why, answer.signal);
        return;
      case 'refused':
        return this.#refused(live);
      case 'fenced':
        live.answered = true;
        clear(live, answer.pid, this.#ender, () => {
          this.#putBack(live);
          if (live.cancelling === undefined) this.#gone(live, 'it was fenced from elsewhere');
          else this.#tell(live, { kind: 'cancelled', by: 'user' });
        });
        return;
      case 'ended':
        live.answered = true;
        clear(live, answer.pid, this.#ender, () => this.#finish(live, answer));
        return;
    }
  }

  /** The claim could not be taken: somebody else has it and is waited for; or the job could not be started. */
  #refused(live: LiveAttempt): void {
    const own = live.launcher?.identity.pid;
    const state = readClaim(live.directory);
    this.#putBack(live);
    if (state.kind === 'claimed' && state.claim.launcher.pid !== own) {
      live.adoptFrom(state.claim);
      this.#await(live);
      return;
    }
    live.answered = true;
    this.#fence(live);
    this.#gone(live, 'it could not be started: the machine is out of space, processes or descriptors', true);
  }

  #putBack(live: LiveAttempt): void {
    const launcher = live.launcher;
    live.launcher = undefined;
    if (launcher !== undefined) this.#use().pool.put(launcher);
  }

  /**
   * The launcher is dead. Its attempt has a record, or never started, or is lost; what lives of it is ended. Where the
   * job shared its group, and a signal has left nothing of either, it was sent to the group: the job died of it.
   */
  #orphaned(live: LiveAttempt, why: string, signal?: string): void {
    const found = readExitRecord(live.directory, live.attempt);
    const state = readClaim(live.directory);
    if (found === undefined && state.kind === 'none' && live.cancelling === undefined && live.moves < MAX_MOVES) {
      live.moves += 1;
      this.#start(live, why);
      return;
    }
    const isShared = live.launcher !== undefined && sharesGroup(live.launcher.isolation);
    live.answered = true;
    live.launcher = undefined;
    if (found === undefined) this.#fence(live);
    if (found === undefined && isShared && signal !== undefined && state.kind === 'claimed') {
      if (!live.remains({ withLauncher: false }).isAlive()) {
        const { startedAt } = state.claim;
        const end = { status: signal, startedAt, endedAt: this.#use().context.clock.now().wall, said: 0 };
        return sweepThen(live, this.#ender, () => this.#finish(live, end));
      }
    }
    endRemains(live, found !== undefined, this.#ender, () => {
      // The launcher was dead before the fence, so a record is there now or never.
      if (found !== undefined) this.#finish(live, found);
      else if (live.cancelling === undefined) this.#gone(live, why);
      else if (state.kind === 'none') this.#tell(live, { kind: 'cancelled', by: 'user' });
      else this.#tell(live, { kind: 'signal', signal: 'SIGKILL' });
    });
  }

  #push(live: LiveAttempt): void {
    if (live.answered || this.#opened === undefined || this.#live.get(live.attempt) !== live) return;
    const again = live.push(this.#now());
    this.#opened.context.clock.after(again, () => this.#push(live));
  }

  /** Its process has ended and nothing of it lives: judge, and tell. */
  #finish(live: LiveAttempt, end: End): void {
    if (this.#opened === undefined) return;
    const usage = isElsewhere(live) ? undefined : live.usage();
    this.#putBack(live);
    try {
      if (end.said > 0) cutShellsWord(live.directory, end.said);
      if (end.isSilent !== true) live.guard.finish();
    } catch (error) {
      this.#complain(error, `cannot cut the output of ${live.attempt}`);
    }
    if (live.redactor === undefined) return this.#judge(live, end, usage);
    redactThen(live, live.redactor, {
      done: () => this.#judge(live, end, usage),
      failed: (error) => this.#complain(error, `cannot take secrets out of the output of ${live.attempt}`),
    });
  }

  #judge(live: LiveAttempt, end: End, usage: Usage | undefined): void {
    if (this.#opened === undefined) return;
    const { hasher, context } = this.#use();
    const places = { hasher, store: context.directory, project: context.project, memoryKills: this.#memoryKills };
    const outcome = judgeEnd(live, end.status, places);
    const tell = (judged: Outcome): void => this.#tell(live, usage === undefined ? judged : { ...judged, usage }, end);
    if (outcome instanceof Promise) void outcome.then(tell);
    else tell(outcome);
  }

  #tell(live: LiveAttempt, outcome: Outcome, end?: End): void {
    if (!this.#leave(live)) return;
    const { attempt } = live;
    const times = end === undefined ? {} : { startedAt: end.startedAt, endedAt: end.endedAt };
    const event: Ended = { kind: 'ended', attempt, outcome, ...times };
    this.#ended.set(attempt, event);
    this.#report(event);
  }

  #gone(live: LiveAttempt, why: string, neverStarted = false): void {
    if (this.#leave(live)) this.#report({ kind: 'gone', attempt: live.attempt, why, neverStarted });
  }

  /** Who has waited for its room starts before the end is told: what follows from that takes a while. */
  #leave(live: LiveAttempt): boolean {
    const isLive = this.#live.delete(live.attempt);
    if (isLive && this.#opened !== undefined) live.memory?.leave(this.#opened.context.clock);
    if (isLive) this.#opened?.slots.leave(live);
    if (isLive && live.work.secrets !== undefined) this.#opened?.directories.dropSecrets(live.attempt);
    return isLive;
  }

  #report(event: BackendEvent): void {
    this.#opened?.context.report(event);
  }

  async #recover(query: RecoverQuery): Promise<RecoverAnswer> {
    const { attempt, directory, work } = query;
    const known = this.#ended.get(attempt);
    if (known !== undefined) return endedAnswer(known);
    const live = this.#live.get(attempt);
    if (live?.room === 'awaited') return { kind: 'running', phase: 'starting' };
    if (live !== undefined) return { kind: 'running', phase: live.answered ? 'staging-out' : 'active' };
    if (work.kind !== 'command' || directory === '') return { kind: 'gone', why: 'it never was a command here' };
    const found = lookInto(directory, attempt);
    return found.kind === 'never' ? { kind: 'gone', why: found.why } : this.#adopt(query, work, found);
  }

  /** Takes over an attempt of an earlier engine: collects its end, waits for it, or ends what is left of it. */
  async #adopt(
    query: RecoverQuery,
    work: LiveAttempt['work'],
    found: Exclude<Found, { readonly kind: 'never' }>,
  ): Promise<RecoverAnswer> {
    const { attempt, directory, limits, redactor, grant } = query;
    const order = { attempt, fence: query.fence, directory, kind: 'shell' } as const;
    const { memory } = this.#use().boundOf(attempt, boundedBytes(query), true);
    const common = { attempt, directory, work, limits, order, cpus: grant.cpus, memory, redactor };
    const live = new LiveAttempt({ ...common, of: query, now: this.#now() });
    this.#live.set(attempt, live);
    this.#use().slots.hold(live);
    if (found.kind === 'running') {
      live.adoptFrom(found.claim);
      this.#use().watch.wake();
      this.#report({ kind: 'phase', attempt, phase: 'active', at: found.claim.startedAt });
      this.#await(live);
      return { kind: 'running', phase: 'active' };
    }
    live.answered = true;
    if (found.kind === 'ended') {
      // Its end comes as a report once nothing of it lives and its outputs are judged.
      endRemains(live, true, this.#ender, () => this.#finish(live, found.record));
      const known = this.#ended.get(attempt);
      return known === undefined ? { kind: 'running', phase: 'staging-out' } : endedAnswer(known);
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    endRemains(live, false, this.#ender, resolve);
    await promise;
    this.#leave(live);
    return { kind: 'gone', why: found.why };
  }

  /** Waits for the end of an attempt whose launcher an earlier engine started. */
  #await(live: LiveAttempt): void {
    if (this.#opened === undefined || this.#live.get(live.attempt) !== live) return;
    const found = lookInto(live.directory, live.attempt);
    if (found.kind === 'running') {
      this.#opened.context.clock.after(ADOPTED_LOOK_MS, () => this.#await(live));
      return;
    }
    live.answered = true;
    if (found.kind === 'ended') endRemains(live, true, this.#ender, () => this.#finish(live, found.record));
    else this.#orphaned(live, found.why);
  }

  /** Where the launcher is dead or has refused, nothing can start: a disk too full for the fence changes nothing. */
  #fence(live: LiveAttempt): void {
    try {
      writeFence(live.directory);
    } catch (error) {
      this.#complain(error, `cannot fence ${live.attempt}`);
    }
  }

  get #ender(): Ender {
    return { ...this.#use().context, isOpen: () => this.#opened !== undefined };
  }

  #now(): number {
    return this.#use().context.clock.now().mono;
  }

  #use(): Machinery {
    if (this.#opened !== undefined) return this.#opened;
    throw new HeddleError('BACKEND_BROKEN', 'the commands backend is not open');
  }

  #complain(error: unknown, message: string): void {
    this.#opened?.context.logger.warn({ error: asError(error).message }, message);
  }
}
