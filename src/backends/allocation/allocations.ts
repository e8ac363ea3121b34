import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import {
  type AttemptId,
  type AttemptOrder,
  type Backend,
  type BackendContext,
  type BackendEvent,
  describeOutcome,
  attemptIds,
  newSubmissionId,
  quoteWord,
  type Random,
  type RunId,
  type JobId,
} from '../../model/index.ts';
import { CARDS, MAIL } from './protocol.ts';

/** Resources that are held in one piece: one native job. */
export interface Allocation {
  readonly id: AttemptId;
  /** Of its own, on a disk that its agents see. */
  readonly directory: string;
  readonly nodes: number;
  /** Epoch milliseconds. */
  readonly askedAt: number;
  /** It runs, by its batch system's word. */
  isActive: boolean;
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

/**
 * Native jobs that hold resources. Each is an attempt of its own on the batch system's backend, so what holds of attempts holds of
 * them: written down before it is submitted, submitted once, found again after a crash, ended by its record or its system's word.
 */
export class Allocations {
  readonly #options: AllocationsOptions;
  readonly #all = new Map<AttemptId, Allocation>();
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

  /** Opens the batch system, and takes up again what an earlier engine has asked for. */
  async open(context: BackendContext, name: string, listener: AllocationsListener): Promise<void> {
    const { batch } = this.#options;
    this.#listener = listener;
    this.#context = context;
    this.#folder = join(context.directory, 'targets', name, 'allocations');
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    await batch.open({ ...context, report: (event) => this.#heard(event) });
    const orders = readdirSync(this.#folder).flatMap((id) => this.#read(id));
    if (orders.length === 0) return;
    for (const order of orders) this.#add(order);
    const answers = await batch.recover(orders.map((order) => ({ ...order, handle: '' })));
    orders.forEach((order, i) => {
      const answer = answers[i];
      const allocation = this.#all.get(order.attempt);
      if (allocation === undefined || answer === undefined) return;
      if (answer.kind === 'running') allocation.isActive = answer.phase === 'active';
      else if (answer.kind !== 'unknown')
        this.#end(allocation, answer.kind === 'gone' ? answer.why : describeOutcome(answer.outcome));
    });
  }

  /** Asks for one more. */
  async add(wallMs: number): Promise<void> {
    const { batch } = this.#options;
    const order = this.#order();
    const allocation = this.#add(order, wallMs);
    mkdirSync(join(allocation.directory, CARDS), { recursive: true, mode: 0o700 });
    // Before anybody else hears of it.
    const file = join(allocation.directory, ORDER);
    writeFileSync(`${file}.part`, JSON.stringify(order));
    renameSync(`${file}.part`, file);
    const [answer] = await batch.launch([order]);
    if (answer?.kind !== 'refused') return;
    this.#all.delete(order.attempt);
    rmSync(allocation.directory, { recursive: true, force: true });
    this.#listener.refused(answer.why, answer.retryable);
  }

  cancel(allocation: Allocation, graceMs: number): void {
    this.#options.batch.cancel(allocation.id, graceMs);
  }

  async close(): Promise<void> {
    await this.#options.batch[Symbol.asyncDispose]();
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

  #read(id: string): readonly AttemptOrder[] {
    try {
      return [JSON.parse(readFileSync(join(this.#folder, id, ORDER), 'utf8')) as AttemptOrder];
    } catch {
      // It was never submitted: the order is written before.
      rmSync(join(this.#folder, id), { recursive: true, force: true });
      return [];
    }
  }

  #add({ attempt, request }: AttemptOrder, askedAt = 0): Allocation {
    const allocation: Allocation = {
      id: attempt,
      directory: join(this.#folder, attempt),
      nodes: request?.nodes ?? 1,
      askedAt,
      isActive: false,
    };
    this.#all.set(attempt, allocation);
    return allocation;
  }

  #heard(event: BackendEvent): void {
    if (event.kind === 'places' || event.kind === 'access') return;
    const allocation = this.#all.get(event.attempt);
    if (allocation === undefined) return;
    if (event.kind === 'phase' && event.phase === 'active') allocation.isActive = true;
    else if (event.kind === 'ended') this.#end(allocation, describeOutcome(event.outcome));
    else if (event.kind === 'gone') this.#end(allocation, event.why);
  }

  #end(allocation: Allocation, why: string): void {
    this.#all.delete(allocation.id);
    this.#listener.ended(allocation, why);
    this.#options.batch.release([allocation.id]);
    // Its log stays for who wants to know why; what led to its agents does not.
    for (const name of [CARDS, MAIL, ORDER]) rmSync(join(allocation.directory, name), { recursive: true, force: true });
  }
}
