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
  type Redactor,
  type Timer,
} from '../../model/index.ts';
import { isFenced, readClaim, readExitRecord, redactCapture, writeFence } from '../workdir/index.ts';
import { AgentLink, readCards, timeOf } from './agent-link.ts';
import { type Allocation, Allocations } from './allocations.ts';
import type { FromAgent } from './protocol.ts';

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

/** Between looks for agents that have come. */
const LOOK_MS = 100;
/** After a refusal nothing more is asked for so long. */
const REFUSED_MS = 10_000;
/** So long the agents of an allocation that is there are waited for when an engine begins. */
const MEET_MS = 15_000;

type Ended = Extract<BackendEvent, { readonly kind: 'ended' }>;

/** An attempt that waits for an agent, or is with one. */
interface Given {
  readonly order: AttemptOrder;
  link: AgentLink | undefined;
  cancelled: boolean;
}

interface Linked {
  readonly allocation: Allocation;
  readonly link: AgentLink;
}

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
  /** By the path of their card. */
  readonly #links = new Map<string, Linked>();
  readonly #connecting = new Set<string>();
  readonly #given = new Map<AttemptId, Given>();
  /** In the order in which they came; those that have gone meanwhile are skipped. */
  #waiting: Given[] = [];
  readonly #ended = new Map<AttemptId, Ended>();
  readonly #redactors = new Map<AttemptId, Redactor>();
  #context: BackendContext | undefined;
  #timer: Timer | undefined;
  #refusedUntil = 0;
  #isAsking = false;

  constructor(options: AllocationBackendOptions) {
    const { name, batch, random, nodes = 1, workers = 1, timeMs, command, environment = {} } = options;
    this.name = name;
    this.#options = options;
    this.#allocations = new Allocations({ batch, random, nodes, cpus: workers, timeMs, command, environment });
  }

  async open(context: BackendContext): Promise<readonly Place[]> {
    const { nodes = 1, workers = 1, max = 1 } = this.#options;
    this.#context = context;
    await this.#allocations.open(context, this.name, {
      ended: (allocation, why) => this.#allocationEnded(allocation, why),
      refused: (why, retryable) => this.#refused(why, retryable),
    });
    this.#lookLater();
    return [{ name: this.name, cpus: nodes * workers * max }];
  }

  launch(orders: readonly AttemptOrder[]): readonly LaunchAnswer[] {
    const answers = orders.map((order): LaunchAnswer => {
      const why = this.#unfit(order);
      if (why !== undefined) return { kind: 'refused', retryable: false, why };
      const given: Given = { order, link: undefined, cancelled: false };
      this.#given.set(order.attempt, given);
      if (order.redactor !== undefined) this.#redactors.set(order.attempt, order.redactor);
      this.#waiting.push(given);
      return { kind: 'accepted', handle: '' };
    });
    this.#context?.clock.soon(() => this.#place());
    return answers;
  }

  cancel(attempt: AttemptId, graceMs: number): void {
    const given = this.#given.get(attempt);
    if (given === undefined || given.cancelled) return;
    given.cancelled = true;
    if (given.link !== undefined) given.link.send({ kind: 'cancel', attempt, graceMs });
    else this.#end({ kind: 'ended', attempt, outcome: { kind: 'cancelled', by: 'user' } });
  }

  recall(attempts: readonly AttemptId[]): void {
    for (const attempt of attempts) {
      const given = this.#given.get(attempt);
      if (given === undefined || given.link !== undefined) continue;
      this.#given.delete(attempt);
      this.#report({ kind: 'gone', attempt, why: 'it was taken back before it began', neverStarted: true });
    }
  }

  async recover(queries: readonly RecoverQuery[]): Promise<readonly RecoverAnswer[]> {
    const answers = new Map<AttemptId, RecoverAnswer>();
    const unknown: RecoverQuery[] = [];
    for (const query of queries) {
      const known = this.#known(query.attempt);
      if (known === undefined) unknown.push(query);
      else answers.set(query.attempt, known);
    }
    if (unknown.length > 0) {
      const isMet = await this.#meetAll();
      const found = await this.#askAgents(unknown);
      for (const query of unknown) answers.set(query.attempt, found.get(query.attempt) ?? this.#stranger(query, isMet));
    }
    return queries.map(({ attempt }) => answers.get(attempt) ?? { kind: 'unknown', why: 'nobody answered' });
  }

  release(attempts: readonly AttemptId[]): void {
    for (const attempt of attempts) {
      this.#ended.delete(attempt);
      this.#redactors.delete(attempt);
    }
    // Whoever had it knows it; who did not finds nothing to forget.
    for (const { link } of this.#links.values()) link.send({ kind: 'release', attempts });
  }

  /** What runs goes on: agents keep its results, and wait for the next engine. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#context = undefined;
    for (const { link } of this.#links.values()) link.close();
    this.#links.clear();
    await this.#allocations.close();
  }

  #unfit({ grant, request, directory }: AttemptOrder): string | undefined {
    const { timeMs, workers = 1 } = this.#options;
    const wanted = timeOf(grant, request);
    if (directory === '') return 'an allocation needs a store on a disk that its machines see';
    if (grant.cpus > workers)
      return `it asks for ${grant.cpus} cpus, and a machine of an allocation gives ${workers} (allocation.workers)`;
    if (wanted !== undefined && wanted >= timeMs)
      return `it asks for ${Math.ceil(wanted / 1000)} s, and an allocation lasts ${Math.floor(timeMs / 1000)} s (allocation.time)`;
    return undefined;
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
    return { kind: 'running', phase: given.link === undefined ? 'starting' : 'active' };
  }

  /** Gives what waits to agents with room, and asks for more room for what is left. */
  #place(): void {
    const context = this.#context;
    if (context === undefined) return;
    const { wall } = context.clock.now();
    const links = [...this.#links.values()].map(({ link }) => link);
    const left: Given[] = [];
    for (const given of this.#waiting) {
      if (this.#given.get(given.order.attempt) !== given) continue;
      // The most free one: work is spread, so that none waits behind another.
      let best: AgentLink | undefined;
      for (const link of links) if (link.fits(given.order, wall) && link.freeCpus > (best?.freeCpus ?? -1)) best = link;
      if (best === undefined) left.push(given);
      else this.#give(given, best);
    }
    this.#waiting = left;
    this.#grow();
  }

  #give(given: Given, link: AgentLink): void {
    const { redactor: _, secretEnvironment: __, ...order } = given.order;
    const { attempt, grant, directory } = order;
    given.link = link;
    link.hold({ attempt, cpus: grant.cpus, memoryBytes: grant.memoryBytes ?? 0, directory });
    link.send({ kind: 'launch', orders: [order] });
  }

  /** One more allocation where what waits is more than what is on its way will hold. */
  #grow(): void {
    const context = this.#context;
    if (context === undefined || this.#isAsking) return;
    const { nodes = 1, workers = 1, min = 0, max = 1 } = this.#options;
    const { wall } = context.clock.now();
    if (this.#allocations.size >= max || wall < this.#refusedUntil) return;
    const wanted = this.#waiting.reduce((sum, { order }) => sum + order.grant.cpus, 0);
    let coming = 0;
    for (const allocation of this.#allocations) {
      const met = [...this.#links.values()].filter((linked) => linked.allocation === allocation).length;
      coming += (allocation.nodes - met) * workers;
    }
    const isShort = wanted > coming;
    const isBelow = this.#given.size > 0 && this.#allocations.size < min;
    if (!isShort && !isBelow) return;
    this.#isAsking = true;
    void this.#allocations
      .add(wall)
      .catch((error: unknown) => {
        this.#refusedUntil = wall + REFUSED_MS;
        context.logger.error({ error }, `no allocation could be asked for on ${this.name}`);
      })
      .then(() => {
        this.#isAsking = false;
        if (nodes > 0) this.#grow();
      });
  }

  /** What waits when none can be had: for good, or until later. */
  #refused(why: string, retryable: boolean): void {
    const now = this.#context?.clock.now().wall ?? 0;
    this.#refusedUntil = now + REFUSED_MS;
    this.#context?.logger.warn({ why }, `an allocation on ${this.name} was refused`);
    if (retryable || this.#allocations.size > 0) return;
    for (const { order } of this.#waiting.splice(0)) {
      if (!this.#given.has(order.attempt)) continue;
      const error = { name: 'LaunchRefused', code: 'BACKEND_UNAVAILABLE', message: `no allocation can be had: ${why}` };
      this.#end({ kind: 'ended', attempt: order.attempt, outcome: { kind: 'error', error } });
    }
  }

  #lookLater(): void {
    const clock = this.#context?.clock;
    if (clock === undefined) return;
    this.#timer = clock.after(LOOK_MS, () => {
      this.#look();
      if (this.#waiting.length > 0) this.#place();
      this.#lookLater();
    });
  }

  /** Meets agents that have introduced themselves since. */
  #look(): void {
    for (const allocation of this.#allocations) {
      if (this.#linksOf(allocation).length >= allocation.nodes) continue;
      for (const card of readCards(allocation.directory)) {
        const key = `${allocation.id}/${card.node}/${card.token}`;
        if (this.#links.has(key) || this.#connecting.has(key)) continue;
        this.#connecting.add(key);
        void AgentLink.open(allocation.directory, card, (this.#context as BackendContext).clock).then((link) => {
          this.#connecting.delete(key);
          if (this.#context === undefined) return link.close();
          this.#links.set(key, { allocation, link });
          link.listen({
            heard: (message) => this.#heard(link, message),
            closed: () => {
              if (this.#links.get(key)?.link === link) this.#links.delete(key);
              this.#silent(link, allocation);
            },
          });
          this.#place();
        });
      }
    }
  }

  #linksOf(allocation: Allocation): readonly AgentLink[] {
    return [...this.#links.values()].filter((linked) => linked.allocation === allocation).map(({ link }) => link);
  }

  #heard(link: AgentLink, message: FromAgent): void {
    switch (message.kind) {
      case 'answers':
        for (const [attempt, answer] of message.answers) {
          link.letGo(attempt);
          if (answer.kind === 'refused') this.#refusedBy(attempt, answer);
          else if (answer.kind === 'unknown') this.#report({ kind: 'unreachable', attempt, why: answer.why });
        }
        return;
      case 'event':
        return this.#event(link, message.event);
      case 'closing':
        link.closing = message.why;
        return;
      case 'recovered':
        return;
    }
  }

  /** It never began there: another agent may take it. */
  #refusedBy(attempt: AttemptId, { retryable, why, error }: Extract<LaunchAnswer, { readonly kind: 'refused' }>): void {
    const given = this.#given.get(attempt);
    if (given === undefined) return;
    if (retryable) {
      given.link = undefined;
      this.#waiting.unshift(given);
      return;
    }
    const said = error ?? { name: 'LaunchRefused', code: 'BACKEND_UNAVAILABLE', message: why };
    this.#end({ kind: 'ended', attempt, outcome: { kind: 'error', error: said } });
  }

  #event(link: AgentLink, event: BackendEvent): void {
    if (event.kind === 'places' || event.kind === 'access') return;
    if (event.kind !== 'ended' && event.kind !== 'gone') return this.#report(event);
    link.letGo(event.attempt);
    if (event.kind === 'ended') this.#end(event);
    else if (this.#given.delete(event.attempt)) this.#report(event);
    if (this.#waiting.length > 0) this.#context?.clock.soon(() => this.#place());
  }

  #end(event: Ended): void {
    const given = this.#given.get(event.attempt);
    if (given === undefined) return;
    this.#given.delete(event.attempt);
    const redactor = this.#redactors.get(event.attempt);
    const tell = (): void => {
      this.#ended.set(event.attempt, event);
      this.#report(event);
    };
    const redacting = redactor === undefined ? undefined : redactCapture(given.order.directory, redactor);
    if (redacting === undefined) tell();
    else void redacting.then(tell, tell);
  }

  #report(event: BackendEvent): void {
    this.#context?.report(event);
  }

  /** The way to an agent is cut. Its machine may live, and so what runs there: it is met again, or its allocation ends. */
  #silent(link: AgentLink, allocation: Allocation): void {
    for (const { attempt } of link.held.values())
      this.#report({ kind: 'unreachable', attempt, why: `the agent of allocation ${allocation.id} does not answer` });
    const held = [...link.held.values()];
    // Met again, it says what became of them.
    const again = (): void => {
      const [next] = this.#linksOf(allocation).filter(({ card }) => card.node === link.card.node);
      if (next === undefined) return;
      for (const one of held) {
        const given = this.#given.get(one.attempt);
        if (given?.link !== link) continue;
        given.link = next;
        next.hold(one);
      }
    };
    this.#context?.clock.after(LOOK_MS * 5, again);
  }

  /** Nothing of it lives: what has left a record has ended, all else is lost with it. */
  #allocationEnded(allocation: Allocation, why: string): void {
    const links = new Set(this.#linksOf(allocation));
    for (const [key, { link }] of [...this.#links]) {
      if (!links.has(link)) continue;
      link.close();
      this.#links.delete(key);
    }
    for (const given of [...this.#given.values()]) {
      const { link, order } = given;
      if (link === undefined || !(links.has(link) || !this.#isLinked(link))) continue;
      const { attempt, directory } = order;
      if (readExitRecord(directory, attempt) === undefined) writeFence(directory);
      this.#given.delete(attempt);
      this.#report({ kind: 'gone', attempt, why: `its allocation ended: ${why}` });
    }
    this.#context?.clock.soon(() => this.#place());
  }

  #isLinked(link: AgentLink): boolean {
    for (const linked of this.#links.values()) if (linked.link === link) return true;
    return false;
  }

  /** Waits for the agents of all allocations that run; false: some have not come. */
  async #meetAll(): Promise<boolean> {
    const clock = (this.#context as BackendContext).clock;
    const until = clock.now().mono + MEET_MS;
    for (;;) {
      this.#look();
      const isMet = [...this.#allocations].every(
        (allocation) => !allocation.isActive || this.#linksOf(allocation).length >= allocation.nodes,
      );
      if (isMet && this.#connecting.size === 0) return true;
      if (clock.now().mono >= until || this.#context === undefined) return false;
      await new Promise<void>((resolve) => {
        clock.after(LOOK_MS, resolve);
      });
    }
  }

  async #askAgents(queries: readonly RecoverQuery[]): Promise<ReadonlyMap<AttemptId, RecoverAnswer>> {
    const found = new Map<AttemptId, RecoverAnswer>();
    const wire = queries.map(({ redactor: _, ...query }) => query);
    await Promise.all(
      [...this.#links.values()].map(async ({ link }) => {
        const answers = await link.recover(wire);
        for (const [attempt, answer] of answers ?? []) {
          found.set(attempt, answer);
          const query = queries.find((each) => each.attempt === attempt);
          if (answer.kind !== 'running' || query === undefined) continue;
          this.#given.set(attempt, { order: { ...query }, link, cancelled: false });
          link.hold({
            attempt,
            cpus: query.grant.cpus,
            memoryBytes: query.grant.memoryBytes ?? 0,
            directory: query.directory,
          });
        }
      }),
    );
    return found;
  }

  /** No agent has it. An order on its way to one, or of a dead engine, finds the fence. */
  #stranger({ directory, attempt }: RecoverQuery, isMet: boolean): RecoverAnswer {
    const record = readExitRecord(directory, attempt);
    if (record === undefined && !isMet)
      return { kind: 'unknown', why: 'the agents of its allocation have not come yet' };
    if (!isFenced(directory)) writeFence(directory);
    const claim = readClaim(directory);
    if (claim.kind === 'none') return { kind: 'gone', why: 'no agent has taken it', neverStarted: true };
    return { kind: 'gone', why: 'its agent is gone' };
  }
}

/** @throws {HeddleError} INPUT_INVALID for sizes that hold nothing */
export function checkAllocation({ nodes = 1, workers = 1, max = 1, min = 0, timeMs }: AllocationBackendOptions): void {
  if ([nodes, workers, max].every((count) => Number.isInteger(count) && count > 0) && min <= max && timeMs > 0) return;
  throw new HeddleError(
    'INPUT_INVALID',
    'an allocation wants nodes, workers, max and time above 0, and min not above max',
  );
}
