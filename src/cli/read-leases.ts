import type { RunId, Store } from '../model/index.ts';

/** What keeps others from removing runs while a command looks at them. */
interface Lease extends Disposable {
  take(run: RunId): void;
}

const leases = new Map<Store, Lease>();

/** From now on whoever removes runs is told which of them this command reads, until `endReading`. */
export function beginReading(store: Store, lease: Lease): void {
  leases.set(store, lease);
}

/** A run is going to be read. @throws {HeddleError} RUN_NOT_FOUND when it is being removed */
export function readingRun(store: Store, run: RunId): void {
  leases.get(store)?.take(run);
}

/** The command has ended. */
export function endReading(): void {
  for (const lease of leases.values()) lease[Symbol.dispose]();
  leases.clear();
}
