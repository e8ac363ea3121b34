import { basename } from 'node:path';
import type {
  AttemptId,
  Backend,
  BackendEvent,
  Clock,
  LaunchAnswer,
  Logger,
  Outcome,
  RecoverAnswer,
  Timer,
} from '../../model/index.ts';
import { isFenced } from '../workdir/index.ts';
import { AgentDoor } from './agent-door.ts';
import { dropCallEnd, dropNote, type Ended, keepCallEnd, takeNote } from './leavings.ts';
import type { Channel, FromAgent, ToAgent, WireOrder, WireQuery } from './protocol.ts';

export interface AgentOptions {
  /** The allocation's directory, on a disk that the engine sees too. */
  readonly directory: string;
  /** Of this machine in the allocation. */
  readonly node: string;
  /** Runs the work here: commands, calls. Opened and disposed of by the agent. */
  readonly backend: Backend;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: string;
  readonly project: string;
  /** Cpus that attempts may take. */
  readonly slots: number;
  /** Epoch milliseconds. */
  readonly endsAt?: number;
  /** It listens nowhere: where connections between machines are forbidden. @default false */
  readonly byMail?: boolean;
  /** Without work it leaves after so long. */
  readonly idleMs: number;
}

/** Before the end of its time it takes no more, and what still runs is asked to end. */
const CLOSE_BEFORE_MS = 20_000;
const LAST_GRACE_MS = 5000;
const LOOK_MS = 250;
/** An engine that is there and does not answer is not waited for longer, when nothing is to be done. */
const LEAVE_MS = 5000;
const NO_ANSWER: LaunchAnswer & RecoverAnswer = { kind: 'unknown', why: 'no answer' };

/** An attempt that was given to it and has not been released. */
interface Known {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly directory: string;
  readonly isCall: boolean;
  isLive: boolean;
  /** Asked to end since the allocation ends: it is not to blame. */
  isBlameless: boolean;
}

/**
 * What stands in an allocation and does work there for an engine. It outlives the engine: what runs goes on, results lie in their
 * directories, and the next engine is told what became of everything. It leaves when it has had nothing to do for a while, or its
 * time is over.
 */
export class Agent {
  readonly #options: AgentOptions;
  readonly #door: AgentDoor;
  readonly #known = new Map<AttemptId, Known>();
  readonly #left = Promise.withResolvers<string>();
  #liveCount = 0;
  #channel: Channel<FromAgent, ToAgent> | undefined;
  #timer: Timer | undefined;
  #idleSince = 0;
  #closing: string | undefined;
  /** What was asked is done in that order, so that no question overtakes its order. */
  #work: Promise<void> = Promise.resolve();

  constructor(options: AgentOptions) {
    const { directory, node, slots, endsAt, byMail = false, clock } = options;
    this.#options = options;
    const met = (channel: Channel<FromAgent, ToAgent>): void => this.#meet(channel);
    this.#door = new AgentDoor({ directory, node, slots, endsAt, byMail, clock, met });
  }

  /** Resolves when it has left, with why. */
  async run(): Promise<string> {
    const { backend, clock, logger, store, project, slots } = this.#options;
    const [place] = await backend.open({
      clock,
      logger,
      directory: store,
      project,
      slots,
      report: (event) => this.#report(event),
    });
    await this.#door.open(place);
    this.#idleSince = clock.now().mono;
    this.#look();
    const why = await this.#left.promise;
    this.#timer?.cancel();
    await backend[Symbol.asyncDispose]();
    // In this order: whoever finds the way cut must find that nothing is left.
    this.#door.close();
    await this.#channel?.close();
    return why;
  }

  /** It was told to end: by its batch system, or by hand. What runs is asked to end, and is not to blame for it. */
  end(why: string): void {
    if (this.#closing === undefined) this.#close(why);
    for (const [attempt, known] of this.#known) {
      if (!known.isLive) continue;
      known.isBlameless = true;
      this.#options.backend.cancel(attempt, LAST_GRACE_MS);
    }
    if (this.#liveCount === 0) this.#left.resolve(why);
  }

  /** Whoever comes last is the engine: one before it is dead, or has lost its run. */
  #meet(channel: Channel<FromAgent, ToAgent>): void {
    void this.#channel?.close();
    this.#channel = channel;
    this.#idleSince = this.#options.clock.now().mono;
    const known = [...this.#known].map(([attempt, { cpus, memoryBytes, isLive }]) => ({
      ...{ attempt, cpus, memoryBytes, isLive },
    }));
    this.#say({ kind: 'hello', known });
    if (this.#closing !== undefined) this.#say({ kind: 'closing', why: this.#closing });
    channel.listen({
      heard: (messages) => {
        if (this.#channel === channel) this.#heard(messages);
      },
      closed: () => {
        if (this.#channel === channel) this.#channel = undefined;
      },
    });
  }

  #heard(messages: readonly ToAgent[]): void {
    this.#idleSince = this.#options.clock.now().mono;
    for (const message of messages) {
      // Known from here on, so that who comes next is told of them.
      const orders = message.kind === 'launch' ? message.orders.filter((order) => this.#remember(order)) : [];
      this.#work = this.#work
        .then(() => this.#do(message, orders))
        .catch((error: unknown) => this.#options.logger.error({ error }, `an agent could not ${message.kind}`));
    }
  }

  async #do(message: ToAgent, orders: readonly WireOrder[]): Promise<void> {
    const { backend } = this.#options;
    switch (message.kind) {
      case 'launch':
        return await this.#launch(orders);
      case 'cancel':
        return backend.cancel(message.attempt, message.graceMs);
      case 'release':
        return this.#release(message.attempts);
      case 'recover':
        return await this.#recover(message.id, message.queries);
      case 'leave':
        if (this.#liveCount === 0) this.#left.resolve(this.#closing ?? 'it was told to leave');
    }
  }

  async #launch(orders: readonly WireOrder[]): Promise<void> {
    const answers = new Map<AttemptId, LaunchAnswer>();
    const fit: WireOrder[] = [];
    for (const order of orders) {
      const refusal = this.#refusal(order);
      if (refusal === undefined) fit.push(order);
      else answers.set(order.attempt, refusal);
    }
    const said = fit.length === 0 ? [] : await this.#launchFit(fit);
    fit.forEach(({ attempt, directory }, i) => {
      const answer = said[i] ?? NO_ANSWER;
      // What is accepted goes without saying.
      if (answer.kind !== 'accepted') answers.set(attempt, answer);
      if (answer.kind === 'refused') dropNote(directory);
    });
    for (const [attempt, { kind }] of answers) if (kind === 'refused') this.#forget(attempt);
    if (answers.size > 0) this.#say({ kind: 'answers', answers: [...answers] });
    if (this.#closing !== undefined && this.#known.size > 0 && answers.size < orders.length) this.end(this.#closing);
  }

  async #launchFit(orders: readonly WireOrder[]): Promise<readonly LaunchAnswer[]> {
    try {
      return await this.#options.backend.launch(orders);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return orders.map(() => ({ kind: 'unknown', why }));
    }
  }

  /** Its own mark first, then the look for the fence: whoever fences looks for the mark after. */
  #refusal({ directory }: WireOrder): LaunchAnswer | undefined {
    if (this.#closing !== undefined) return { kind: 'refused', retryable: true, why: this.#closing };
    const { directory: home, node } = this.#options;
    try {
      if (!takeNote(directory, { allocation: basename(home), node, agent: this.#door.id }))
        return { kind: 'refused', retryable: false, why: 'another agent has it' };
    } catch (error) {
      return { kind: 'refused', retryable: true, why: `its directory can't be made: ${(error as Error).message}` };
    }
    if (!isFenced(directory)) return undefined;
    return { kind: 'refused', retryable: false, why: 'it was given up before it came here' };
  }

  #release(attempts: readonly AttemptId[]): void {
    for (const attempt of attempts) {
      const known = this.#known.get(attempt);
      if (known?.isCall === true) dropCallEnd(known.directory);
      this.#forget(attempt);
    }
    this.#options.backend.release(attempts);
  }

  async #recover(id: number, queries: readonly WireQuery[]): Promise<void> {
    const mine = queries.filter(({ attempt }) => this.#known.has(attempt));
    const answers: readonly RecoverAnswer[] = mine.length === 0 ? [] : await this.#options.backend.recover(mine);
    const told = mine.map(({ attempt }, i) => [attempt, answers[i] ?? NO_ANSWER] as const);
    this.#say({ kind: 'recovered', id, answers: told });
  }

  /** False: it has it already. */
  #remember({ attempt, grant, directory, work }: WireOrder): boolean {
    if (this.#known.has(attempt)) return false;
    const { cpus, memoryBytes = 0 } = grant;
    const isCall = work.kind === 'call';
    this.#known.set(attempt, { cpus, memoryBytes, directory, isCall, isLive: true, isBlameless: false });
    this.#liveCount += 1;
    return true;
  }

  #forget(attempt: AttemptId): void {
    this.#ended(attempt);
    this.#known.delete(attempt);
  }

  #ended(attempt: AttemptId): void {
    const known = this.#known.get(attempt);
    if (known?.isLive !== true) return;
    known.isLive = false;
    this.#liveCount -= 1;
    if (this.#liveCount > 0) return;
    this.#idleSince = this.#options.clock.now().mono;
    // Not before its end is told.
    if (this.#closing !== undefined)
      this.#options.clock.soon(() => this.#liveCount === 0 && this.#left.resolve(this.#closing ?? ''));
  }

  #report(event: BackendEvent): void {
    if (event.kind === 'places' || event.kind === 'access') return;
    const known = this.#known.get(event.attempt);
    const told = event.kind === 'ended' && known?.isBlameless === true ? blameless(event, this.#closing ?? '') : event;
    if (told.kind === 'ended' && known?.isCall === true) this.#keep(known.directory, told);
    this.#say({ kind: 'event', event: told });
    if (event.kind === 'ended' || event.kind === 'gone') this.#ended(event.attempt);
  }

  #keep(directory: string, event: Ended): void {
    try {
      keepCallEnd(directory, event);
    } catch (error) {
      this.#options.logger.warn({ error }, 'the end of a call could not be kept on disk');
    }
  }

  /** Nobody there: the next one who comes asks. */
  #say(message: FromAgent): void {
    this.#channel?.send([message]);
  }

  #close(why: string): void {
    this.#closing = why;
    this.#say({ kind: 'closing', why });
  }

  #look(): void {
    const { clock, endsAt } = this.#options;
    if (!this.#door.look()) this.end('the directory of its allocation is gone');
    else if (this.#closing === undefined && endsAt !== undefined && clock.now().wall >= endsAt - CLOSE_BEFORE_MS)
      this.end('the time of its allocation is over');
    else this.#leaveIdle();
    this.#timer = clock.after(LOOK_MS, () => this.#look());
  }

  /** An order may be on its way: who is there says when none is. */
  #leaveIdle(): void {
    const idleMs = this.#options.clock.now().mono - this.#idleSince;
    if (this.#liveCount > 0 || idleMs < this.#options.idleMs) return;
    const why = 'it had nothing to do';
    if (this.#channel === undefined || idleMs >= this.#options.idleMs + LEAVE_MS) this.#left.resolve(why);
    else if (this.#closing === undefined) this.#close(why);
  }
}

/** Ended by us, since its place goes away: that is no failure of its own. */
function blameless(event: Ended, why: string): Ended {
  const kinds: ReadonlySet<Outcome['kind']> = new Set(['cancelled', 'signal', 'exit']);
  return kinds.has(event.outcome.kind) ? { ...event, outcome: { kind: 'preempted', why } } : event;
}
