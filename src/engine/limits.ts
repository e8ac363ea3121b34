import { asError, type BackendEvent, HeddleError, type Place } from '../model/index.ts';
import { recallAll, takePlaces } from './ahead.ts';
import type { EngineOptions, Limits } from './api.ts';
import type { Core } from './core.ts';
import { unknownBackend } from './runs.ts';

/**
 * How much may run at a time, as people change it while the engine goes. Over all backends the core counts attempts
 * when it grants; of one backend its own `resize` is asked, and where it has none its places are offered smaller or larger.
 */
export class BackendLimits {
  readonly #core: Core;
  /** So many times the memory of each place is granted; its cpus are what it was told to take. */
  readonly #oversubscribe: number;
  /** Places as backends without `resize` offer them. */
  readonly #offered: Map<string, readonly Place[]> = new Map();
  readonly #most: Map<string, number> = new Map();

  constructor(core: Core, oversubscribe: number) {
    this.#core = core;
    this.#oversubscribe = oversubscribe;
  }

  /** What a backend offers, as it is to be taken in. */
  offered(backend: string, places: readonly Place[]): readonly Place[] {
    this.#offered.set(backend, places);
    const most = this.#most.get(backend);
    return this.#stretched(most === undefined ? places : scaled(places, most));
  }

  #stretched(places: readonly Place[]): readonly Place[] {
    const times = this.#oversubscribe;
    if (times === 1) return places;
    return places.map((place) =>
      place.memoryBytes === undefined ? place : { ...place, memoryBytes: place.memoryBytes * times },
    );
  }

  /** A report of a backend, as it is to be taken in. */
  limited(backend: string, event: BackendEvent): BackendEvent {
    return event.kind === 'places' ? { kind: 'places', places: this.offered(backend, event.places) } : event;
  }

  /**
   * Changes how much may run. What runs goes on.
   *
   * @throws {HeddleError} INPUT_INVALID, BACKEND_UNKNOWN: nothing has changed then
   */
  apply({ jobs, backends = {} }: Limits): void {
    const core = this.#core;
    if (jobs !== undefined) refuseUnfit('jobs', jobs);
    for (const [name, most] of Object.entries(backends)) {
      refuseUnfit(`attempts of backend "${name}"`, most);
      if (!core.backends.has(name)) throw unknownBackend(core, name);
    }
    if (jobs !== undefined) core.mostAttempts = jobs;
    // Each end would let one of those begin, however many were to end before.
    if (core.holding > core.mostAttempts) recallAll(core);
    for (const [name, most] of Object.entries(backends)) this.#limitBackend(name, most);
    core.grantable = true;
  }

  #limitBackend(name: string, most: number): void {
    const state = this.#core.backends.get(name);
    if (state === undefined) return;
    if (state.backend.resize === undefined) {
      this.#most.set(name, most);
      takePlaces(this.#core, state, this.offered(name, this.#offered.get(name) ?? []));
      return;
    }
    try {
      state.backend.resize(most);
    } catch (thrown) {
      this.#core.notice('backend-broken', `backend "${name}" threw: ${asError(thrown).message}`);
    }
  }
}

/** The totals as they are granted: so many times what there is. */
export function timesTotals({ totals = {}, oversubscribe = 1 }: EngineOptions): NonNullable<EngineOptions['totals']> {
  const { cpus, memoryBytes } = totals;
  return {
    ...(cpus === undefined ? {} : { cpus: cpus * oversubscribe }),
    ...(memoryBytes === undefined ? {} : { memoryBytes: memoryBytes * oversubscribe }),
  };
}

function refuseUnfit(what: string, most: number): void {
  if (most === Infinity || (Number.isInteger(most) && most > 0)) return;
  throw new HeddleError('INPUT_INVALID', `a limit is a whole number from 1 on: ${what} was given ${most}`);
}

/** Places with so many cpus in all: each keeps its share, and whole cpus where it had them. */
function scaled(places: readonly Place[], most: number): readonly Place[] {
  const all = places.reduce((sum, { cpus }) => sum + cpus, 0);
  if (all === 0 || most === Infinity) return places;
  let before = 0;
  return places.map((place) => {
    const first = Math.round((before * most) / all);
    before += place.cpus;
    return { ...place, cpus: Math.round((before * most) / all) - first };
  });
}
