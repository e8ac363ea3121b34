import type { BackendContext, Timer } from '../../model/index.ts';
import { AgentLink, readCards } from './agent-link.ts';
import type { Allocation, Allocations } from './allocations.ts';
import type { AgentCard, FromAgent, KnownAttempt } from './protocol.ts';

export interface MeetingsListener {
  /** An agent answers, for the first time or again. */
  met(link: AgentLink, known: readonly KnownAttempt[]): void;
  heard(link: AgentLink, message: FromAgent): void;
  /** The way to it is cut. It is looked for again. */
  cut(link: AgentLink): void;
  /** It has left, and nothing of it lives. */
  left(link: AgentLink, why: string): void;
}

/** Between looks for agents that have come. */
const LOOK_MS = 100;
/** Agents that are there are waited for so long when something is asked of them. */
const MEET_MS = 15_000;

/** Finds the agents of allocations, and keeps the ways to them open. */
export class Meetings {
  readonly #allocations: Allocations;
  readonly #listener: MeetingsListener;
  /** By the agent's id. */
  readonly #links = new Map<string, AgentLink>();
  readonly #connecting = new Set<string>();
  #context: BackendContext | undefined;
  #timer: Timer | undefined;

  constructor(allocations: Allocations, listener: MeetingsListener) {
    this.#allocations = allocations;
    this.#listener = listener;
  }

  open(context: BackendContext): void {
    this.#context = context;
  }

  close(): void {
    this.#context = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
  }

  agent(id: string): AgentLink | undefined {
    return this.#links.get(id);
  }

  /** Looks for agents now and then, while some are missing. */
  look(): void {
    if (this.#timer !== undefined || this.#context === undefined) return;
    let isMissing = false;
    for (const allocation of this.#allocations) if (this.#lookInto(allocation)) isMissing = true;
    if (!isMissing) return;
    this.#timer = this.#context.clock.after(LOOK_MS, () => {
      this.#timer = undefined;
      this.look();
    });
  }

  /** It has ended: who has left before has, and nobody is looked for. */
  forget(allocation: Allocation): void {
    const { links, directory } = allocation;
    for (const card of readCards(directory).left) this.#noteLeft(allocation, card);
    for (const [id, link] of links) {
      link.close();
      this.#links.delete(id);
    }
  }

  /** Waits for those of these agents that have a card; not longer than a while. */
  async meet(ids: ReadonlySet<string>): Promise<void> {
    const clock = this.#context?.clock;
    const until = (clock?.now().mono ?? 0) + MEET_MS;
    while (clock !== undefined && this.#context !== undefined) {
      this.look();
      const cards = [...this.#allocations].flatMap(({ directory }) => readCards(directory).here);
      const isMet = cards.every(({ id }) => !ids.has(id) || this.#links.get(id)?.isMet === true);
      if (isMet || clock.now().mono >= until) return;
      await new Promise<void>((resolve) => void clock.after(LOOK_MS, resolve));
    }
  }

  /** True while some of its agents are not met. */
  #lookInto(allocation: Allocation): boolean {
    const { directory, nodes, links, left } = allocation;
    const isWhole = (): boolean => [...links.values()].filter(({ isMet }) => isMet).length + left.size >= nodes;
    if (isWhole()) return false;
    const cards = readCards(directory);
    for (const card of cards.left) this.#noteLeft(allocation, card);
    for (const card of cards.here) this.#meet(allocation, card);
    return !isWhole();
  }

  #noteLeft({ left, links }: Allocation, { id }: AgentCard): void {
    if (left.has(id)) return;
    left.add(id);
    const link = links.get(id);
    if (link === undefined) return;
    link.close();
    this.#links.delete(id);
    this.#listener.left(link, link.closing ?? 'its agent has left');
  }

  #meet(allocation: Allocation, card: AgentCard): void {
    const { id } = card;
    const clock = this.#context?.clock;
    if (clock === undefined || this.#links.has(id) || this.#connecting.has(id)) return;
    this.#connecting.add(id);
    void AgentLink.open(allocation.directory, card, clock)
      .then((link) => {
        if (this.#context === undefined || this.#allocations.find(allocation.id) === undefined) return link.close();
        this.#links.set(id, link);
        allocation.links.set(id, link);
        link.listen({
          met: (known) => this.#listener.met(link, known),
          heard: (message) => this.#listener.heard(link, message),
          closed: () => this.#closed(allocation, link),
        });
      })
      .catch((error: unknown) => this.#context?.logger.warn({ error }, 'an agent could not be reached'))
      .finally(() => this.#connecting.delete(id));
  }

  #closed({ links }: Allocation, link: AgentLink): void {
    const { id } = link.card;
    if (this.#links.get(id) !== link) return;
    this.#links.delete(id);
    // What it held is known by it until the next one is met.
    if (links.get(id) === link) this.#listener.cut(link);
    this.look();
  }
}
