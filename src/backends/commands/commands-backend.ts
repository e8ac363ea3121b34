import {
  type AttemptId,
  type AttemptOrder,
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
} from '../../model/index.ts';
import { type EndTarget, escalate, type LauncherAnswer, MemoryKills, sharesGroup } from '../../process/index.ts';
import { cutShellsWord, readClaim, readExitRecord, writeFence } from '../workdir/index.ts';
import { judgeEnd } from './judge.ts';
import { shortest } from './launcher-pool.ts';
import { LiveAttempt } from './live-attempt.ts';
import { type CommandsOptions, type Machinery, openMachinery } from './machinery.ts';
import { type Ended, endedAnswer, type Found, lookInto } from './recovery.ts';

/** Runs commands as processes of this machine, each in a work directory of its own. */
export function commandsBackend(options: CommandsOptions = {}): Backend {
  return new CommandsBackend(options);
}

/** What the process that was the attempt's said at its end. */
interface End {
  readonly status: number | string;
  readonly startedAt: number;
  readonly endedAt: number;
  /** Bytes at the end of its stderr that are not its own. */
  readonly said: number;
  /** Nothing was said on either stream. */
  readonly isSilent?: boolean;
}

/** Between two looks at an attempt of an earlier engine. */
const ADOPTED_LOOK_MS = 100;
/** Launchers that died before taking one order, before we stop believing in the next. */
const MAX_MOVES = 3;

/**
 * An attempt is in `#live` from its launch until nothing of it lives and its end is told, and its end is in `#ended`
 * from then until the engine has committed it: a report that got lost is told again when `recover` asks.
 */
class CommandsBackend implements Backend {
  readonly name = 'commands';
  readonly capabilities: BackendCapabilities = {
    commands: true,
    calls: false,
    recoverable: true,
    batches: false,
    local: false,
    immediate: true,
  };
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
      first: ({ attempt }) => this.#report({ kind: 'phase', attempt, phase: 'active' }),
      alive: ({ attempt }) => this.#report({ kind: 'heartbeat', attempt }),
      failed: ({ attempt }, error) => this.#complain(error, `cannot look after the output of ${attempt}`),
    });
    const { places } = this.#opened;
    return places;
  }

  launch(orders: readonly AttemptOrder[]): readonly LaunchAnswer[] {
    return orders.map((order) => this.#launch(order));
  }

  cancel(attempt: AttemptId, graceMs: number): void {
    const live = this.#live.get(attempt);
    if (live === undefined) return;
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

  /** What still runs goes on: its launcher writes the record, and `recover` finds it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    for (const live of this.#live.values()) live.launcher?.abandon();
    this.#live.clear();
    await opened?.pool.close();
  }

  #launch(order: AttemptOrder): LaunchAnswer {
    const { attempt, directory, work, limits } = order;
    const { directories, pool, watch, cwd } = this.#use();
    if (work.kind !== 'command') return never('this backend runs commands only');
    if (directory === '' || /[\n\0]|\s$/.test(directory)) return never(`no command can run in '${directory}'`);
    try {
      const { kind, program } = directories.prepare(order, work);
      const launcher = pool.take();
      const live = new LiveAttempt({
        attempt,
        directory,
        work,
        limits,
        order: { attempt, fence: order.fence, directory: shortest(directory, cwd), kind, program },
        now: this.#now(),
      });
      this.#live.set(attempt, live);
      live.launcher = launcher;
      launcher.give(live.order, (answer) => this.#answered(live, answer));
      watch.wake();
      // No handle: its directory says who has it, and a row written for each start costs more than the start.
      return { kind: 'accepted', handle: '' };
    } catch (error) {
      const why = asError(error).message;
      // A HeddleError that no wait mends is the work's fault; anything else the machine's: full, or out of something.
      if (HeddleError.is(error) && error.code !== 'BACKEND_UNAVAILABLE') return never(why);
      return { kind: 'refused', retryable: true, why };
    }
  }

  #answered(live: LiveAttempt, answer: LauncherAnswer): void {
    if (this.#opened === undefined) return;
    switch (answer.kind) {
      case 'died':
        this.#orphaned(live, answer.why, answer.signal);
        return;
      case 'refused':
        this.#refused(live);
        return;
      case 'fenced':
        live.answered = true;
        this.#clear(live, answer, () => {
          this.#putBack(live);
          if (live.cancelling === undefined) this.#gone(live, 'it was fenced from elsewhere');
          else this.#tell(live, { kind: 'cancelled', by: 'user' });
        });
        return;
      case 'ended':
        live.answered = true;
        this.#clear(live, answer, () => this.#finish(live, answer));
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

  /** Ends what is left of a job, then goes on. */
  #clear(live: LiveAttempt, { pid }: { readonly pid: number }, then: () => void): void {
    const { launcher } = live;
    // Who is cancelled leaves nothing, not even what made itself a session of its own: that takes a look at everybody.
    const left = live.cancelling === undefined ? launcher?.left(pid) : live.remains({ withLauncher: false });
    if (left?.isAlive() === true) this.#escalate(live, left, then);
    else then();
  }

  #escalate(live: LiveAttempt, target: EndTarget, then: () => void): void {
    const { clock } = this.#use().context;
    const left = live.cancelling === undefined ? live.limits.graceMs : live.cancelling.killAt - this.#now();
    const whenDead = (): void => {
      if (this.#opened !== undefined) then();
    };
    escalate(target, { clock, graceMs: Math.max(0, left), whenDead });
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
      this.#move(live, why);
      return;
    }
    const isShared = live.launcher !== undefined && sharesGroup(live.launcher.isolation);
    live.answered = true;
    live.launcher = undefined;
    if (found === undefined) this.#fence(live);
    if (found === undefined && isShared && signal !== undefined && state.kind === 'claimed') {
      if (!live.remains({ withLauncher: false }).isAlive()) {
        const { startedAt } = state.claim;
        this.#finish(live, { status: signal, startedAt, endedAt: this.#use().context.clock.now().wall, said: 0 });
        return;
      }
    }
    this.#escalateRemains(live, found !== undefined, () => {
      // The launcher was dead before the fence, so a record is there now or never.
      if (found !== undefined) this.#finish(live, found);
      else if (live.cancelling === undefined) this.#gone(live, why);
      else if (state.kind === 'none') this.#tell(live, { kind: 'cancelled', by: 'user' });
      else this.#tell(live, { kind: 'signal', signal: 'SIGKILL' });
    });
  }

  #escalateRemains(live: LiveAttempt, politely: boolean, then: () => void): void {
    const target = live.remains({ withLauncher: !politely });
    if (!target.isAlive()) then();
    else if (politely) this.#escalate(live, target, then);
    else escalate(target, { clock: this.#use().context.clock, graceMs: 0, whenDead: then });
  }

  /** Its launcher died before it took the order: another one takes it. */
  #move(live: LiveAttempt, why: string): void {
    live.moves += 1;
    try {
      const launcher = this.#use().pool.take();
      live.launcher = launcher;
      launcher.give(live.order, (answer) => this.#answered(live, answer));
    } catch (error) {
      this.#fence(live);
      this.#gone(live, `${why}; ${asError(error).message}`);
    }
  }

  #push(live: LiveAttempt): void {
    if (live.answered || this.#opened === undefined || this.#live.get(live.attempt) !== live) return;
    const again = live.push(this.#now());
    this.#opened.context.clock.after(again, () => this.#push(live));
  }

  /** Its process has ended and nothing of it lives: judge, and tell. */
  #finish(live: LiveAttempt, end: End): void {
    if (this.#opened === undefined) return;
    const usage = live.usage();
    this.#putBack(live);
    try {
      if (end.said > 0) cutShellsWord(live.directory, end.said);
      if (end.isSilent !== true) live.guard.finish();
    } catch (error) {
      this.#complain(error, `cannot cut the output of ${live.attempt}`);
    }
    const { hasher, context } = this.#use();
    const places = { hasher, store: context.directory, project: context.project, memoryKills: this.#memoryKills };
    const outcome = judgeEnd(live, end.status, places);
    const tell = (judged: Outcome): void => this.#tell(live, usage === undefined ? judged : { ...judged, usage }, end);
    if (outcome instanceof Promise) void outcome.then(tell);
    else tell(outcome);
  }

  #tell(live: LiveAttempt, outcome: Outcome, end?: End): void {
    if (!this.#live.delete(live.attempt)) return;
    const { attempt } = live;
    const times = end === undefined ? {} : { startedAt: end.startedAt, endedAt: end.endedAt };
    const event: Ended = { kind: 'ended', attempt, outcome, ...times };
    this.#ended.set(attempt, event);
    this.#report(event);
  }

  #gone(live: LiveAttempt, why: string, neverStarted = false): void {
    if (this.#live.delete(live.attempt)) this.#report({ kind: 'gone', attempt: live.attempt, why, neverStarted });
  }

  #report(event: BackendEvent): void {
    this.#opened?.context.report(event);
  }

  async #recover(query: RecoverQuery): Promise<RecoverAnswer> {
    const { attempt, directory, work } = query;
    const known = this.#ended.get(attempt);
    if (known !== undefined) return endedAnswer(known);
    const live = this.#live.get(attempt);
    if (live !== undefined) return { kind: 'running', phase: live.answered ? 'staging-out' : 'active' };
    if (work.kind !== 'command' || directory === '') return { kind: 'gone', why: 'it never was a command here' };
    const found = lookInto(directory, attempt);
    if (found.kind === 'never') return { kind: 'gone', why: found.why };
    return this.#adopt(query, work, found);
  }

  /** Takes over an attempt of an earlier engine: collects its end, waits for it, or ends what is left of it. */
  async #adopt(
    query: RecoverQuery,
    work: LiveAttempt['work'],
    found: Exclude<Found, { readonly kind: 'never' }>,
  ): Promise<RecoverAnswer> {
    const { attempt, directory, limits } = query;
    const order = { attempt, fence: query.fence, directory, kind: 'shell' } as const;
    const live = new LiveAttempt({ attempt, directory, work, limits, order, now: this.#now() });
    this.#live.set(attempt, live);
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
      this.#escalateRemains(live, true, () => this.#finish(live, found.record));
      const known = this.#ended.get(attempt);
      return known === undefined ? { kind: 'running', phase: 'staging-out' } : endedAnswer(known);
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#escalateRemains(live, false, resolve);
    await promise;
    this.#live.delete(attempt);
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
    if (found.kind === 'ended') this.#escalateRemains(live, true, () => this.#finish(live, found.record));
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

function never(why: string): LaunchAnswer {
  return { kind: 'refused', retryable: false, why };
}
