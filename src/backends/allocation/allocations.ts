import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type AttemptId,
  type AttemptOrder,
  attemptIds,
  type Backend,
  type BackendContext,
  type BackendEvent,
  describeOutcome,
  type JobId,
  newSubmissionId,
  type Outcome,
  quoteWord,
  type Random,
  type RecoverAnswer,
  type RunId,
} from '../../model/index.ts';
import type { AgentLink } from './agent-link.ts';
import { Ownership } from './owner.ts';
import { CARDS, MAIL } from './protocol.ts';

/** Resources that are held in one piece: one native job. */
export interface Allocation {
  readonly id: AttemptId;
  /** Of its own, on a disk that its agents see. */
  readonly directory: string;
  readonly nodes: number;
  /** It runs, by its batch system's word. */
  isActive: boolean;
  /** Ways to its agents, and those that were cut: by the agent's id. */
  readonly links: Map<string, AgentLink>;
  /** Ids of agents that have left. */
  readonly left: Set<string>;
  /** It was asked to end. */
  isCancelled: boolean;
}

export interface AllocationsOptions {
  /** Submits, follows and ends native jobs. Opened here, disposed of here. */
  readonly batch: Backend;
  readonly random: Random;
  readonly nodes: number;
  readonly cpus: number;
  readonly timeMs: number;
  /** The command of a native job, for agents that find their allocation in a directory. */
  readonly command: (directory: string, context: BackendContext) => readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

export interface AllocationsListener {
  /** It is over: nothing of it lives any more. */
  ended(allocation: Allocation, why: string): void;
  /** It can't be had, now or ever. */
  refused(why: string, retryable: boolean): void;
}

const ORDER = 'order.json';
const NO_RUN = 'allocation' as RunId;
/** Between questions about an allocation of which nobody knows. */
const ASK_MS = 5000;

/**
 * Native jobs that hold resources. Each is an attempt of its own on the batch system's backend, so what holds of attempts holds of
 * them: written down before it is submitted, submitted once, found again after a crash, ended by its record or its system's word.
 * Several engines share a store: each follows its own, and those of engines that are no more.
 */
export class Allocations {
  readonly #options: AllocationsOptions;
  readonly #all = new Map<AttemptId, Allocation>();
  #owner = new Ownership();
  #folder = '';
  #context: BackendContext | undefined;
  #listener: AllocationsListener = { ended: () => undefined, refused: () => undefined };

  constructor(options: AllocationsOptions) {
    this.#options = options;
  }

  [Symbol.iterator](): IterableIterator<Allocation> {
    return this.#all.values();
  }

  get size(): number {
    return this.#all.size;
  }

  find(id: string): Allocation | undefined {
    return this.#all.get(id as AttemptId);
  }

  async open(context: BackendContext, name: string, listener: AllocationsListener): Promise<void> {
    this.#listener = listener;
    this.#context = context;
    this.#folder = context.directory === '' ? '' : join(context.directory, 'targets', name, 'allocations');
    await this.#options.batch.open({ ...context, report: (event) => this.#heard(event) });
  }

  /** Takes up what engines that are no more have asked for. Asked for again, it looks again. */
  async adopt(): Promise<void> {
    const orders = this.#folders().flatMap((id) => this.#takeUp(id));
    if (orders.length > 0) await this.#ask(orders);
  }

  /** Whether an allocation may have something alive in it, whoever's it is. */
  isHeld(id: string): boolean {
    if (this.#all.has(id as AttemptId)) return true;
    return id !== '' && existsSync(join(this.#folder, id, ORDER));
  }

  /** Asks for one more. @throws the system's error where it can't be written down */
  async add(): Promise<void> {
    const { batch } = this.#options;
    const order = this.#order();
    const directory = join(this.#folder, order.attempt);
    try {
      mkdirSync(join(directory, CARDS), { recursive: true, mode: 0o700 });
      this.#owner.take(directory);
      // Before anybody else hears of it.
      const file = join(directory, ORDER);
      writeFileSync(`${file}.part`, JSON.stringify(order));
      renameSync(`${file}.part`, file);
    } catch (error) {
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
    this.#add(order);
    const [answer] = await batch.launch([order]);
    if (answer?.kind === 'unknown') this.#askLater([order]);
    if (answer?.kind !== 'refused') return;
    this.#all.delete(order.attempt);
    rmSync(directory, { recursive: true, force: true });
    this.#listener.refused(answer.why, answer.retryable);
  }

  cancel(allocation: Allocation): void {
    allocation.isCancelled = true;
    this.#options.batch.cancel(allocation.id, 0);
  }

  async close(): Promise<void> {
    this.#context = undefined;
    for (const { directory } of this.#all.values()) if (existsSync(directory)) this.#owner.leave(directory);
    this.#owner.close();
    await this.#options.batch[Symbol.asyncDispose]();
  }

  #folders(): readonly string[] {
    if (this.#folder === '') return [];
    try {
      return readdirSync(this.#folder);
    } catch {
      return [];
    }
  }

  /** The order of an allocation that has not ended and is nobody's else. */
  #takeUp(id: string): readonly AttemptOrder[] {
    const directory = join(this.#folder, id);
    if (this.#all.has(id as AttemptId) || !existsSync(join(directory, ORDER)) || !this.#owner.take(directory))
      return [];
    try {
      const order = JSON.parse(readFileSync(join(directory, ORDER), 'utf8')) as AttemptOrder;
      this.#add(order);
      return [order];
    } catch (error) {
      this.#context?.logger.warn({ error }, `the allocation ${id} can't be taken up`);
      return [];
    }
  }

  async #ask(orders: readonly AttemptOrder[]): Promise<void> {
    const answers = await this.#options.batch.recover(orders.map((order) => ({ ...order, handle: '' })));
    const silent = orders.filter((order, i) => !this.#answered(order, answers[i]));
    if (silent.length > 0) this.#askLater(silent);
  }

  #askLater(orders: readonly AttemptOrder[]): void {
    const { clock, logger } = this.#context ?? {};
    clock?.after(ASK_MS, () => {
      if (this.#context === undefined) return;
      const there = orders.filter(({ attempt }) => this.#all.has(attempt));
      if (there.length === 0) return;
      this.#ask(there).catch((error: unknown) => logger?.error({ error }, 'allocations could not be asked after'));
    });
  }

  /** False: nobody knows. */
  #answered({ attempt }: AttemptOrder, answer: RecoverAnswer | undefined): boolean {
    const allocation = this.#all.get(attempt);
    if (allocation === undefined) return true;
    if (answer === undefined || answer.kind === 'unknown') return false;
    if (answer.kind === 'running') allocation.isActive = answer.phase === 'active';
    else this.#end(allocation, answer.kind === 'gone' ? answer.why : howItEnded(answer.outcome));
    return true;
  }

  #order(): AttemptOrder {
    const { random, nodes, cpus, timeMs, command, environment } = this.#options;
    const attempt = attemptIds(random)();
    const directory = join(this.#folder, attempt);
    const argv = command(directory, this.#context as BackendContext);
    return {
      attempt,
      fence: 1,
      run: NO_RUN,
      job: `allocation ${attempt}` as JobId,
      index: 0,
      work: { kind: 'command', text: argv.map(quoteWord).join(' '), argv, inputs: [], outputs: [], environment },
      grant: { place: '', cpus, timeMs },
      request: { cpus, timeMs, ...(nodes === 1 ? {} : { nodes, ranks: nodes }) },
      limits: { graceMs: 10_000, outputBytes: 1024 * 1024 },
      directory: join(directory, 'work'),
      submission: newSubmissionId(random),
      element: 0,
    };
  }

  #add({ attempt, request }: AttemptOrder): void {
    this.#all.set(attempt, {
      id: attempt,
      directory: join(this.#folder, attempt),
      nodes: request?.nodes ?? 1,
      isActive: false,
      links: new Map(),
      left: new Set(),
      isCancelled: false,
    });
  }

  #heard(event: BackendEvent): void {
    if (event.kind === 'access') return this.#context?.report(event);
    if (event.kind === 'places') return;
    const allocation = this.#all.get(event.attempt);
    if (allocation === undefined) return;
    if (event.kind === 'phase' && event.phase === 'active') allocation.isActive = true;
    else if (event.kind === 'ended') this.#ended(allocation, event.outcome);
    else if (event.kind === 'gone') this.#end(allocation, event.why);
  }

  /** An error is no end of a command: the batch system has said that it can never begin. */
  #ended(allocation: Allocation, outcome: Outcome): void {
    const isRefused = outcome.kind === 'error' && allocation.links.size === 0 && !allocation.isActive;
    if (isRefused) allocation.isCancelled = true;
    this.#end(allocation, howItEnded(outcome));
    if (isRefused) this.#listener.refused(howItEnded(outcome), false);
  }

  #end(allocation: Allocation, why: string): void {
    this.#all.delete(allocation.id);
    this.#listener.ended(allocation, why);
    this.#options.batch.release([allocation.id]);
    // Its log stays for who wants to know why; what led to its agents does not, and without an order it is over for all.
    for (const name of [CARDS, MAIL, ORDER]) rmSync(join(allocation.directory, name), { recursive: true, force: true });
  }
}

/** With the last words of what was to become agents: they name what was wrong. */
function howItEnded(outcome: Outcome): string {
  const said = 'stderr' in outcome ? outcome.stderr?.trim().split('\n').at(-1) : undefined;
  return said === undefined || said === ''
    ? describeOutcome(outcome)
    : `${describeOutcome(outcome)}, and said: ${said}`;
}
