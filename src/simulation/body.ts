import type { AttemptOrder, Outcome } from '../model/index.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** What the work of one attempt will do, decided before it starts. */
export interface Behaviour {
  /** From accepted to running. */
  readonly startMs: number;
  /** From running to ended; `Infinity`: only when it is cancelled. */
  readonly durationMs: number;
  readonly outcome: Outcome;
  /** False: it ignores the polite signal, and ends by the forced one. */
  readonly obeysTerm: boolean;
  /** It takes its place down with it: no end is ever recorded. */
  readonly poisonous?: boolean;
}

/**
 * `waiting`: handed over, not started. `fenced`: will never start. `dead`: it ran and died without a
 * record. `purged`: it ended, and its record is gone.
 */
export type BodyState = 'waiting' | 'running' | 'ended' | 'fenced' | 'dead' | 'purged';

/** The truth about one attempt in the outside world, whatever the engine believes. */
export interface Body {
  readonly order: AttemptOrder;
  readonly site: string;
  readonly handle: string;
  readonly behaviour: Behaviour;
  /** Whose child it is. */
  readonly launcher: SimulatedProcess;
  state: BodyState;
  /** Virtual milliseconds; -1: not yet. */
  startedAt: number;
  endedAt: number;
  outcome: Outcome | undefined;
  cancelled: boolean;
  /** Who was told its handle last. */
  toldTo: SimulatedProcess | undefined;
  /** Why it died without a record, or was fenced. */
  why: string;
}

/** True while it runs or may still start: what it was granted is in use. */
export function isAlive(body: Body): boolean {
  return body.state === 'waiting' || body.state === 'running';
}

/** Every attempt that ever was handed over, by its id. */
export class Ledger {
  readonly bodies: Map<string, Body> = new Map();
  /** Attempts that were asked for before they came, and told gone: they must never start. */
  readonly fenced: Set<string> = new Set();

  readonly #ofJob = new Map<string, Body[]>();

  add(body: Body): void {
    this.bodies.set(body.order.attempt, body);
    const key = `${body.order.run} ${body.order.index}`;
    const list = this.#ofJob.get(key);
    if (list === undefined) this.#ofJob.set(key, [body]);
    else list.push(body);
  }

  /** All attempts of one job that came. */
  ofJob(run: string, index: number): readonly Body[] {
    return this.#ofJob.get(`${run} ${index}`) ?? [];
  }

  live(): Body[] {
    return [...this.bodies.values()].filter(isAlive);
  }
}
