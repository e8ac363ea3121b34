import { HeddleError, isFinal, type OwnerRecord, type RunId, type Store } from '../../model/index.ts';
import type { KnownRun } from './known-runs.ts';

/** Points that other processes run. */
export class PointsElsewhere {
  readonly #runs = new Map<string, RunId>();
  readonly #pids = new Set<number>();

  get size(): number {
    return this.#runs.size;
  }

  /** Processes that have, or had, any of them. */
  get pids(): readonly number[] {
    return [...this.#pids];
  }

  add(key: string, run: RunId, owner: OwnerRecord | undefined): void {
    this.#runs.set(key, run);
    if (owner !== undefined) this.#pids.add(owner.pid);
  }

  /** Those that have ended since, each once. */
  async *ended(store: Store): AsyncGenerator<{ readonly key: string; readonly run: KnownRun }, void> {
    for (const [key, id] of [...this.#runs]) {
      const run = await store.run(id);
      if (run === undefined || !isFinal(run.status) || !this.#runs.delete(key)) continue;
      yield { key, run };
    }
  }
}

/** The living process that has a run, where it is not this one. */
export async function otherOwner(store: Store, run: RunId): Promise<OwnerRecord | undefined> {
  const owner = await store.ownerOf(run);
  return owner?.alive === true && owner.owner !== store.owner ? owner : undefined;
}

/** The run of the same point that somebody else began first, where that is what an error says. */
export function takenBy(error: unknown): RunId | undefined {
  if (!HeddleError.is(error) || error.code !== 'STATE_CONFLICT') return undefined;
  return (error.details as { readonly taken?: RunId } | undefined)?.taken;
}
