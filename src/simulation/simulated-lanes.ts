import type { AttemptId, Place } from '../model/index.ts';
import type { Body } from './body.ts';
import type { Dice } from './dice.ts';

export interface SimulatedLanesOptions {
  readonly dice: Dice;
  /** A place as it is now, and as large as it ever is. */
  readonly placeNow: (name: string) => Place | undefined;
  readonly placeAtMost: (name: string) => Place | undefined;
  readonly starts: (body: Body) => void;
  /** More was granted than there is room for. */
  readonly overfull: (body: Body, taken: number) => void;
}

/** The lanes of one place that work for one engine. */
interface Pool {
  readonly place: string;
  /** Cpus of those that were granted room, and of those that have begun. */
  granted: number;
  taken: number;
  /** Granted room, and come while others that were sent ahead had begun: their values came late. */
  readonly first: Body[];
  /** Sent ahead. */
  readonly line: Body[];
  readonly holders: Set<Body>;
}

/** A recall may find a lane that has just begun. */
const COMES_TOO_LATE = 0.2;
/** Lanes are many and each has a line of its own: who is next is not always who came first. */
const IN_ORDER = 0.7;

/**
 * Room in lanes, as it truly is: who was granted room begins first, who was sent ahead stands in line until another ends.
 * It is where an engine that grants too much is caught.
 */
export class SimulatedLanes {
  readonly #options: SimulatedLanesOptions;
  readonly #pools = new Map<string, Pool>();

  constructor(options: SimulatedLanesOptions) {
    this.#options = options;
  }

  add(body: Body): void {
    const { grant } = body.order;
    const pool = this.#poolOf(body);
    if (grant.ahead === true) pool.line.push(body);
    else {
      pool.first.push(body);
      pool.granted += grant.cpus;
      const most = this.#options.placeAtMost(grant.place)?.cpus ?? 0;
      if (pool.granted > most + 1e-6) this.#options.overfull(body, pool.granted);
    }
    this.#fill(pool);
  }

  /** The body ended, or never will begin. */
  remove(body: Body): void {
    const pool = this.#poolOf(body);
    const { cpus, ahead } = body.order.grant;
    for (const line of [pool.first, pool.line]) {
      const at = line.indexOf(body);
      if (at !== -1) line.splice(at, 1);
    }
    if (ahead !== true) pool.granted -= cpus;
    if (!pool.holders.delete(body)) return;
    pool.taken -= cpus;
    this.#fill(pool);
  }

  isInLine(body: Body): boolean {
    return this.#poolOf(body).line.includes(body);
  }

  /** Those of these attempts that are still in line, and were taken out of it in time. */
  recall(attempts: readonly AttemptId[]): Body[] {
    const wanted = new Set<string>(attempts);
    const bodies = [...this.#pools.values()].flatMap((pool) => pool.line);
    return bodies.filter((body) => wanted.has(body.order.attempt) && !this.#options.dice.chance(COMES_TOO_LATE));
  }

  /** The places have changed: there may be room. */
  refill(): void {
    for (const pool of this.#pools.values()) this.#fill(pool);
  }

  #poolOf(body: Body): Pool {
    const { place } = body.order.grant;
    const key = `${body.launcher.name} ${place}`;
    const known = this.#pools.get(key);
    if (known !== undefined) return known;
    const made: Pool = { place, granted: 0, taken: 0, first: [], line: [], holders: new Set() };
    this.#pools.set(key, made);
    return made;
  }

  #fill(pool: Pool): void {
    const { dice, placeNow } = this.#options;
    // Fewer lanes than before let go what they have; what was granted room on them still begins.
    const cpus = Math.max(placeNow(pool.place)?.cpus ?? 0, pool.granted);
    for (;;) {
      const line = pool.first.length > 0 ? pool.first : pool.line;
      const at = line === pool.first || dice.chance(IN_ORDER) ? 0 : dice.int(0, line.length - 1);
      const next = line[at];
      if (next === undefined || pool.taken + next.order.grant.cpus > cpus + 1e-6) return;
      line.splice(at, 1);
      pool.taken += next.order.grant.cpus;
      pool.holders.add(next);
      this.#options.starts(next);
    }
  }
}
