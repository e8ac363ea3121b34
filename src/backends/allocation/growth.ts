import type { BackendContext } from '../../model/index.ts';
import type { Allocation, Allocations } from './allocations.ts';

export interface GrowthOptions {
  /** Of the target. */
  readonly name: string;
  readonly workers: number;
  readonly min: number;
  readonly max: number;
  /** What one allocation asks for, in words. */
  readonly asked: string;
}

export interface Demand {
  /** Cpus of attempts that wait for room. */
  wanted(): number;
  /** There is work, waiting or running. */
  isBusy(): boolean;
  /** None can be had: what waits fails. */
  hopeless(why: string): void;
  /** Something may be possible now that was not. */
  changed(): void;
}

/** After a refusal nothing more is asked for so long. */
const REFUSED_MS = 10_000;
/** Allocations in a row that end before any agent comes: something is wrong with them all. */
const MOST_BARREN = 3;
/** So long an allocation that nobody needs any more is waited for to be taken back. */
const CANCEL_MS = 5000;

/** How many allocations there are: as many as what waits asks for. They shrink by themselves. */
export class Growth {
  readonly #options: GrowthOptions;
  readonly #allocations: Allocations;
  readonly #demand: Demand;
  #context: BackendContext | undefined;
  #adopting: Promise<void> | undefined;
  #notBefore = -Infinity;
  #barren = 0;
  #isAsking = false;

  constructor(options: GrowthOptions, allocations: Allocations, demand: Demand) {
    this.#options = options;
    this.#allocations = allocations;
    this.#demand = demand;
  }

  open(context: BackendContext): void {
    this.#context = context;
  }

  close(): void {
    this.#context = undefined;
  }

  /** What engines that are no more have asked for is ours to use, before more is asked for. */
  follow(): void {
    this.#adopting ??= this.#allocations.adopt().catch((error: unknown) => {
      this.#context?.logger.error({ error }, 'earlier allocations could not be looked for');
    });
    void this.#adopting.then(() => this.#grow());
  }

  /** An agent has come: allocations are what they should be. */
  met(): void {
    this.#barren = 0;
  }

  /** What waits when none can be had: for good, or until later. */
  refused(why: string, retryable: boolean): void {
    this.#wait(REFUSED_MS);
    this.#context?.logger.warn({ why }, `an allocation on ${this.#options.name} was refused`);
    if (!retryable && this.#allocations.size === 0) this.#hopeless(`no allocation can be had: ${why}`);
  }

  ended({ id, isCancelled, links, left }: Allocation, why: string): void {
    if (links.size > 0 || left.size > 0 || isCancelled) return;
    const { name } = this.#options;
    this.#barren += 1;
    this.#context?.logger.warn({ why, allocation: id }, `an allocation on ${name} ended before its agent came`);
    this.#wait(REFUSED_MS * (this.#barren - 1));
    if (this.#barren < MOST_BARREN || this.#allocations.size > 0) return;
    this.#hopeless(
      `${this.#barren} allocations in a row ended before an agent of ours came; the last: ${why}. Its log lies in the store, in targets/${name}/allocations/${id}. Is the store on a disk that the machines see at the same path?`,
    );
  }

  /** Takes back what nobody has come to yet and nobody needs. */
  async takeBack(): Promise<void> {
    const clock = this.#context?.clock;
    if (clock === undefined || this.#demand.isBusy()) return;
    const idle = [...this.#allocations].filter(({ links, isActive }) => links.size === 0 && !isActive);
    for (const allocation of idle) this.#allocations.cancel(allocation);
    const until = clock.now().mono + CANCEL_MS;
    while (idle.some(({ id }) => this.#allocations.find(id) !== undefined) && clock.now().mono < until)
      await new Promise<void>((resolve) => void clock.after(50, resolve));
  }

  /** One more where what waits is more than what is on its way will hold. */
  #grow(): void {
    const context = this.#context;
    if (context === undefined || this.#isAsking || !this.#demand.isBusy()) return;
    const { min, max, name } = this.#options;
    const { size } = this.#allocations;
    if (size >= max || context.clock.now().mono < this.#notBefore) return;
    if (this.#demand.wanted() <= this.#coming() && size >= min) return;
    this.#isAsking = true;
    void this.#allocations
      .add()
      .catch((error: unknown) => {
        this.#wait(REFUSED_MS);
        context.logger.error({ error }, `no allocation could be asked for on ${name}`);
      })
      .then(() => {
        this.#isAsking = false;
        this.#demand.changed();
      });
  }

  /** Cpus of agents that have not come yet. */
  #coming(): number {
    let machines = 0;
    for (const { nodes, links, left } of this.#allocations) {
      let there = left.size;
      for (const { isMet } of links.values()) if (isMet) there += 1;
      machines += Math.max(0, nodes - there);
    }
    return machines * this.#options.workers;
  }

  #wait(ms: number): void {
    const clock = this.#context?.clock;
    if (clock === undefined) return;
    this.#notBefore = clock.now().mono + ms;
    clock.after(ms, () => this.#demand.changed());
  }

  #hopeless(why: string): void {
    const { asked, name } = this.#options;
    this.#demand.hopeless(`${why} (asked for: ${asked}; see allocation, queue and options of backends.${name})`);
  }
}
