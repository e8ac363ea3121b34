import {
  type AttemptId,
  type AttemptOrder,
  type Backend,
  type BackendCapabilities,
  type BackendContext,
  type BackendEvent,
  HeddleError,
  type LaunchAnswer,
  type Place,
  type Random,
  type RecoverAnswer,
  type RecoverQuery,
} from '../../model/index.ts';
import { redactCapture } from '../workdir/index.ts';
import type { AgentLink } from './agent-link.ts';
import { Allocations, type Allocation } from './allocations.ts';
import { Growth } from './growth.ts';
import type { Ended } from './leavings.ts';
import { Meetings } from './meetings.ts';
import { type Given, Placing, unfit } from './placing.ts';
import type { FromAgent, KnownAttempt } from './protocol.ts';
import { judgeLeft, traceStrangers } from './strangers.ts';

export interface AllocationBackendOptions {
  readonly name: string;
  /** Submits, follows and ends native jobs: commands on the target's batch system. Disposed of with this. */
  readonly batch: Backend;
  readonly random: Random;
  /** Machines of one allocation. @default 1 */
  readonly nodes?: number;
  /** How long one is asked for, in milliseconds. */
  readonly timeMs: number;
  /** Cpus of each machine that attempts take. @default 1 */
  readonly workers?: number;
  /** So many are kept while there is work. @default 0 */
  readonly min?: number;
  /** Never more at a time. @default 1 */
  readonly max?: number;
  /** An agent without work leaves after this, in milliseconds. @default 60000 */
  readonly idleMs?: number;
  /** The command of a native job: it becomes an agent on each of its machines. */
  readonly command: (directory: string, context: BackendContext) => readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** What an agent could not begin (its disk is full) is given away again after so long. */
const AGAIN_MS = 1000;
/** What an agent had that died without a word may take so long to end after it. */
const AFTERMATH_MS = 2000;

/**
 * Many attempts inside of few native jobs: agents of ours stand in allocations and take what waits here. How many allocations there
 * are follows the demand: what waits and fits into none asks for one more, and agents without work leave by themselves.
 */
export function allocationBackend(options: AllocationBackendOptions): Backend {
  return new AllocationBackend(options);
}

class AllocationBackend implements Backend {
  readonly name: string;
  readonly capabilities: BackendCapabilities = {
    commands: true,
    calls: true,
    recoverable: true,
    batches: false,
    local: false,
  };
  readonly #options: AllocationBackendOptions;
  readonly #allocations: Allocations;
  readonly #meetings: Meetings;
  readonly #growth: Growth;
  readonly #given = new Map<AttemptId, Given>();
  readonly #line = new Placing(this.#given, (given, why) => this.#refuse(given, why));
  readonly #ended = new Map<AttemptId, Ended>();
  #context: BackendContext | undefined;
  #isPlacing = false;

  constructor(options: AllocationBackendOptions) {
    const {
      name,
      batch,
      random,
      nodes = 1,
      workers = 1,
      min = 0,
      max = 1,
      timeMs,
      command,
      environment = {},
    } = options;
    this.name = name;
    this.#options = options;
    this.#allocations = new Allocations({ batch, random, nodes, cpus: workers, timeMs, command, environment });
    this.#meetings = new Meetings(this.#allocations, {
      met: (link, known) => this.#met(link, known),
      heard: (link, message) => this.#heard(link, message),
      cut: (link) => this.#cut(link),
      left: (link, why) => this.#settleAll(link, why),
    });
    const asked = `${nodes} x ${workers} cpus for ${Math.round(timeMs / 1000)} s`;
    this.#growth = new Growth({ name, workers, min, max, asked }, this.#allocations, {
      wanted: () => this.#line.wanted,
      isBusy: () => this.#given.size > 0,
      hopeless: (why) => this.#line.failAll(why),
      changed: () => this.#placeSoon(),
    });
  }

  async open(context: BackendContext): Promise<readonly Place[]> {
    const { nodes = 1, workers = 1, max = 1 } = this.#options;
    this.#context = context;
    await this.#allocations.open(context, this.name, {
      ended: (allocation, why) => this.#allocationEnded(allocation, why),
      refused: (why, retryable) => this.#growth.refused(why, retryable),
    });
    this.#meetings.open(context);
    this.#growth.open(context);
    return [{ name: this.name, cpus: nodes * workers * max }];
  }

  launch(orders: readonly AttemptOrder[]): readonly LaunchAnswer[] {
    const mono = this.#use().clock.now().mono;
    const answers = orders.map((order): LaunchAnswer => {
      const why = unfit(order, this.#options);
      if (why !== undefined) return { kind: 'refused', retryable: false, why };
      const given: Given = { order, since: mono, link: undefined, isInLine: false, cancelling: undefined };
      this.#given.set(order.attempt, given);
      this.#line.lineUp(given);
      return { kind: 'accepted', handle: '' };
    });
    this.#placeSoon();
    return answers;
  }

  cancel(attempt: AttemptId, graceMs: number): void {
    const given = this.#given.get(attempt);
    if (given === undefined || given.cancelling !== undefined) return;
    given.cancelling = { graceMs };
    if (given.link !== undefined) return given.link.send({ kind: 'cancel', attempt, graceMs });
    this.#line.leave(given);
    this.#end({ kind: 'ended', attempt, outcome: { kind: 'cancelled', by: 'user' } });
  }

  recall(attempts: readonly AttemptId[]): void {
    for (const attempt of attempts) {
      const given = this.#given.get(attempt);
      if (given === undefined || given.link !== undefined) continue;
      this.#line.leave(given);
      this.#gone(given, 'it was taken back before it began', true);
    }
  }

  async recover(queries: readonly RecoverQuery[]): Promise<readonly RecoverAnswer[]> {
    const strangers = queries.filter(({ attempt }) => this.#known(attempt) === undefined);
    const found =
      strangers.length === 0
        ? new Map<AttemptId, RecoverAnswer>()
        : await traceStrangers(strangers, {
            allocations: this.#allocations,
            meetings: this.#meetings,
            context: this.#use(),
            adopted: (query, link) => this.#adoptGiven(query, link),
          });
    const nobody: RecoverAnswer = { kind: 'unknown', why: 'nobody answered' };
    return queries.map(({ attempt }) => found.get(attempt) ?? this.#known(attempt) ?? nobody);
  }

  release(attempts: readonly AttemptId[]): void {
    for (const attempt of attempts) this.#ended.delete(attempt);
    // Whoever had it knows it; who did not finds nothing to forget.
    for (const { links } of this.#allocations)
      for (const link of links.values()) if (link.isMet) link.send({ kind: 'release', attempts });
  }

  /** What runs goes on: agents keep its results, and wait for the next engine. What was asked for in vain is taken back. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#growth.takeBack();
    this.#growth.close();
    this.#context = undefined;
    this.#meetings.close();
    await this.#allocations.close();
  }

  #known(attempt: AttemptId): RecoverAnswer | undefined {
    const ended = this.#ended.get(attempt);
    if (ended !== undefined) {
      const { outcome, startedAt, endedAt } = ended;
      return startedAt === undefined || endedAt === undefined
        ? { kind: 'ended', outcome }
        : { kind: 'ended', outcome, startedAt, endedAt };
    }
    const given = this.#given.get(attempt);
    if (given === undefined) return undefined;
    if (given.link === undefined) return { kind: 'running', phase: 'starting' };
    return given.link.isMet ? { kind: 'running', phase: 'active' } : { kind: 'unknown', why: silence(given.link) };
  }

  /** Once for all that happens in a turn of the loop. */
  #placeSoon(): void {
    if (this.#isPlacing || this.#context === undefined) return;
    this.#isPlacing = true;
    this.#context.clock.soon(() => {
      this.#isPlacing = false;
      if (this.#context !== undefined) this.#place(this.#context);
    });
  }

  /** Gives what waits to agents with room, and asks for more room for what is left. */
  #place({ clock }: BackendContext): void {
    const links = [...this.#allocations].flatMap((allocation) => [...allocation.links.values()]);
    this.#line.place(links, clock.now());
    this.#meetings.look();
    if (this.#given.size > 0) this.#growth.follow();
  }

  #refuse({ order }: Given, message: string): void {
    const error = { name: 'LaunchRefused', code: 'BACKEND_UNAVAILABLE', message };
    this.#end({ kind: 'ended', attempt: order.attempt, outcome: { kind: 'error', error } });
  }

  /** It has come, or come back: what it was given and never got goes on waiting, what ended meanwhile is asked for. */
  #met(link: AgentLink, known: readonly KnownAttempt[]): void {
    this.#growth.met();
    const there = new Map(known.map((each) => [each.attempt, each]));
    const missed: Given[] = [];
    for (const given of this.#given.values()) {
      if (given.link === undefined || given.link.card.id !== link.card.id) continue;
      const { attempt } = given.order;
      const mine = there.get(attempt);
      given.link = mine === undefined ? undefined : link;
      if (mine === undefined) this.#neverCame(given);
      else if (!mine.isLive) missed.push(given);
      else if (given.cancelling !== undefined) link.send({ kind: 'cancel', attempt, ...given.cancelling });
    }
    void this.#askAfter(link, missed);
    this.#placeSoon();
  }

  /** An order that was cut off on its way: it waits again, unless it is not wanted any more. */
  #neverCame(given: Given): void {
    if (given.cancelling === undefined) return this.#line.lineUp(given);
    this.#end({ kind: 'ended', attempt: given.order.attempt, outcome: { kind: 'cancelled', by: 'user' } });
  }

  async #askAfter(link: AgentLink, many: readonly Given[]): Promise<void> {
    const queries = many.map(({ order }) => ({ ...(order as AttemptOrder), handle: '' }));
    for (const [attempt, answer] of await link.recover(queries)) this.#learned(link, attempt, answer);
  }

  #learned(link: AgentLink, attempt: AttemptId, answer: RecoverAnswer): void {
    const given = this.#given.get(attempt);
    if (given?.link !== link) return;
    if (answer.kind === 'ended') {
      const { outcome, startedAt, endedAt } = answer;
      const times = {
        ...(startedAt === undefined ? {} : { startedAt }),
        ...(endedAt === undefined ? {} : { endedAt }),
      };
      this.#over(link, { kind: 'ended', attempt, outcome, ...times });
    } else if (answer.kind === 'gone') this.#over(link, { ...answer, attempt });
    else if (answer.kind === 'unknown') this.#report({ kind: 'unreachable', attempt, why: answer.why });
  }

  #heard(link: AgentLink, message: FromAgent): void {
    switch (message.kind) {
      case 'answers':
        for (const [attempt, answer] of message.answers) this.#answered(link, attempt, answer);
        return this.#placeSoon();
      case 'event':
        return this.#event(link, message.event);
      case 'closing':
        link.closing = message.why;
        // Behind all that was sent before.
        link.send({ kind: 'leave' });
        return this.#placeSoon();
      case 'hello':
      case 'recovered':
        return;
    }
  }

  #answered(link: AgentLink, attempt: AttemptId, answer: LaunchAnswer): void {
    const given = this.#given.get(attempt);
    if (given?.link !== link || answer.kind === 'accepted') return;
    if (answer.kind === 'unknown') return void this.#askAfter(link, [given]);
    link.letGo(attempt);
    if (answer.retryable) {
      // It never began there: another agent may take it.
      given.link = undefined;
      if (link.closing !== undefined || given.cancelling !== undefined) return this.#neverCame(given);
      this.#context?.clock.after(AGAIN_MS, () => {
        if (this.#given.get(attempt) !== given || given.link !== undefined) return;
        this.#neverCame(given);
        this.#placeSoon();
      });
      return;
    }
    const error = answer.error ?? { name: 'LaunchRefused', code: 'BACKEND_UNAVAILABLE', message: answer.why };
    this.#end({ kind: 'ended', attempt, outcome: { kind: 'error', error } });
  }

  #event(link: AgentLink, event: BackendEvent): void {
    if (event.kind === 'places' || event.kind === 'access') return;
    if (event.kind === 'ended' || event.kind === 'gone') this.#over(link, event);
    else if (this.#given.get(event.attempt)?.link === link) this.#report(event);
  }

  #over(link: AgentLink, event: Extract<BackendEvent, { readonly kind: 'ended' | 'gone' }>): void {
    link.letGo(event.attempt);
    const given = this.#given.get(event.attempt);
    if (given?.link === link) {
      if (event.kind === 'ended') this.#end(event);
      else this.#gone(given, event.why, event.neverStarted);
    }
    if (!this.#line.isEmpty) this.#placeSoon();
  }

  #end(event: Ended): void {
    const { attempt, outcome } = event;
    const given = this.#given.get(attempt);
    if (given === undefined) return;
    this.#given.delete(attempt);
    const isOurs = given.cancelling !== undefined && outcome.kind === 'preempted';
    const told: Ended = isOurs ? { ...event, outcome: { kind: 'cancelled', by: 'user' } } : event;
    this.#ended.set(attempt, told);
    const { redactor, directory } = given.order;
    const redacting = redactor === undefined ? undefined : redactCapture(directory, redactor);
    const tell = (): void => this.#report(told);
    if (redacting === undefined) tell();
    else void redacting.then(tell, tell);
  }

  #gone({ order: { attempt } }: Given, why: string, neverStarted: boolean | undefined): void {
    if (this.#given.delete(attempt))
      this.#report({ kind: 'gone', attempt, why, ...(neverStarted === undefined ? {} : { neverStarted }) });
  }

  #report(event: BackendEvent): void {
    this.#context?.report(event);
  }

  /** The way to an agent is cut. Its machine may live, and so what runs there: it is met again, or its allocation ends. */
  #cut(link: AgentLink): void {
    const why = silence(link);
    for (const attempt of link.held.keys())
      if (this.#given.has(attempt)) this.#report({ kind: 'unreachable', attempt, why });
  }

  /** Nothing of it lives: what has left a record has ended, all else is lost with it. */
  #allocationEnded(allocation: Allocation, why: string): void {
    const { links, left } = allocation;
    this.#meetings.forget(allocation);
    this.#growth.ended(allocation, why);
    for (const link of links.values()) {
      const settle = (): void => this.#settleAll(link, `its allocation ended: ${why}`);
      // An agent that said goodbye left nothing behind; another was killed, and what it had is being killed.
      if (left.has(link.card.id)) settle();
      else this.#context?.clock.after(AFTERMATH_MS, settle);
    }
    this.#placeSoon();
  }

  #settleAll(link: AgentLink, why: string): void {
    for (const given of [...this.#given.values()]) {
      if (given.link?.card.id !== link.card.id) continue;
      void this.#settle(given, why).catch((error: unknown) => this.#complain(error, 'an end could not be told'));
    }
  }

  /** Its agent is no more: what it left in its directory tells its end. */
  async #settle(given: Given, why: string): Promise<void> {
    const leaver = { ...given.order, isCancelled: given.cancelling !== undefined };
    const answer = await judgeLeft(leaver, why, this.#use());
    if (this.#given.get(given.order.attempt) !== given) return;
    if (answer.kind === 'ended') this.#end(answer);
    else this.#gone(given, answer.why, answer.neverStarted);
  }

  #adoptGiven(query: RecoverQuery, link: AgentLink): void {
    if (this.#given.has(query.attempt)) return;
    const since = this.#use().clock.now().mono;
    this.#given.set(query.attempt, { order: query, since, link, isInLine: false, cancelling: undefined });
  }

  #use(): BackendContext {
    if (this.#context !== undefined) return this.#context;
    throw new HeddleError('BACKEND_BROKEN', `the backend ${this.name} is not open`);
  }

  #complain(error: unknown, message: string): void {
    this.#context?.logger.error({ error }, message);
  }
}

function silence(link: AgentLink): string {
  return `the agent on ${link.card.host} does not answer`;
}
