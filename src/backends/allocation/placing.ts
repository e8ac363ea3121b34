import type { AttemptId, AttemptOrder, Instant } from '../../model/index.ts';
import { type AgentLink, timeOf } from './agent-link.ts';
import { type Offer, WaitingLine } from './waiting-line.ts';

/** An attempt that waits for an agent, or is with one. */
export interface Given {
  readonly order: Omit<AttemptOrder, 'submission' | 'element'>;
  /** When it came, on the monotonic clock. */
  readonly since: number;
  link: AgentLink | undefined;
  /** It waits for room. */
  isInLine: boolean;
  cancelling: { readonly graceMs: number } | undefined;
}

/** Who finds no room for so long lets nobody go before it. */
const PATIENCE_MS = 60_000;

/** Gives what waits to agents that have room. */
export class Placing {
  readonly #given: ReadonlyMap<AttemptId, Given>;
  readonly #refuse: (given: Given, why: string) => void;
  readonly #line = new WaitingLine<Given>((given) => given.isInLine && this.#given.get(given.order.attempt) === given);
  #wanted = 0;

  constructor(given: ReadonlyMap<AttemptId, Given>, refuse: (given: Given, why: string) => void) {
    this.#given = given;
    this.#refuse = refuse;
  }

  /** Cpus of those in line. */
  get wanted(): number {
    return this.#wanted;
  }

  get isEmpty(): boolean {
    return this.#line.isEmpty;
  }

  lineUp(given: Given): void {
    const { grant, request } = given.order;
    given.isInLine = true;
    this.#wanted += grant.cpus;
    this.#line.add(`${grant.cpus} ${grant.memoryBytes ?? 0} ${timeOf(grant, request) ?? 0}`, given);
  }

  leave(given: Given): void {
    if (given.isInLine) this.#wanted -= given.order.grant.cpus;
    given.isInLine = false;
  }

  place(links: readonly AgentLink[], now: Instant): void {
    const met = links.filter(({ isMet }) => isMet);
    this.#line.offer(
      (given) => this.#offer(given, met, now.wall),
      ({ since }) => now.mono - since < PATIENCE_MS,
    );
  }

  failAll(why: string): void {
    for (const given of this.#line.takeAll()) {
      this.leave(given);
      this.#refuse(given, why);
    }
  }

  #offer(given: Given, links: readonly AgentLink[], wall: number): Offer {
    const { order } = given;
    // The most free one: work is spread, so that none waits behind another.
    let best: AgentLink | undefined;
    for (const link of links) if (link.freeCpus > (best?.freeCpus ?? -1) && link.fits(order, wall)) best = link;
    if (best !== undefined) {
      this.#give(given, best);
      return 'taken';
    }
    if (links.length === 0 || links.some((link) => link.couldHold(order))) return 'none';
    const most = Math.max(...links.map(({ card }) => card.memoryBytes ?? 0));
    this.leave(given);
    this.#refuse(
      given,
      `it asks for ${order.grant.memoryBytes ?? 0} bytes of memory, and a machine of an allocation here has ${most}: ask for less, or let allocations ask for more (options of its backend)`,
    );
    return 'taken';
  }

  #give(given: Given, link: AgentLink): void {
    const { redactor: _, secretEnvironment: __, ...order } = given.order as AttemptOrder;
    const { attempt, grant } = order;
    this.leave(given);
    given.link = link;
    link.hold(attempt, { cpus: grant.cpus, memoryBytes: grant.memoryBytes ?? 0 });
    link.send({ kind: 'launch', orders: [order] });
  }
}

/** Why no allocation could ever hold it; undefined where one could. */
export function unfit(
  { grant, request, directory }: AttemptOrder,
  { timeMs, workers = 1 }: { readonly timeMs: number; readonly workers?: number },
): string | undefined {
  const wanted = timeOf(grant, request);
  const { ranks = 1, nodes = 1 } = request ?? {};
  if (directory === '') return 'an allocation needs a store on a disk that its machines see';
  if (ranks > 1 || nodes > 1)
    return `it asks for ${ranks > 1 ? `${ranks} ranks` : `${nodes} nodes`}, and a task in an allocation is one process on one machine: run it on a target of the same cluster without allocation`;
  if (grant.cpus > workers)
    return `it asks for ${grant.cpus} cpus, and a machine of an allocation gives ${workers} (allocation.workers)`;
  if (wanted !== undefined && wanted >= timeMs)
    return `it asks for ${Math.ceil(wanted / 1000)} s, and an allocation lasts ${Math.floor(timeMs / 1000)} s (allocation.time)`;
  return undefined;
}
