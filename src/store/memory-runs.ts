import {
  type ClaimAnswer,
  type ExperimentRow,
  type Graph,
  joinSegments,
  type NewRun,
  type OwnerId,
  type OwnerRecord,
  type RunCommit,
  type RunFilter,
  type RunId,
  type RunRow,
} from '../model/index.ts';
import { fittingGround, filterRuns, notYours, pointTaken, runExists, runNotFound, runOwned } from './store-rules.ts';

/** What of a run both memory stores keep. */
export interface KeptRun {
  row: RunRow;
  readonly graph: Graph[];
  /** How many graphs at the end are small ones that have not been joined. */
  loose: number;
}

/** The experiments of a store in memory. Rows are copied: what a caller holds is its own. */
export class MemoryExperiments {
  readonly #rows = new Map<string, ExperimentRow>();

  put(experiment: ExperimentRow): void {
    this.#rows.set(experiment.name, { ...experiment });
  }

  get(name: string): ExperimentRow | undefined {
    const row = this.#rows.get(name);
    return row === undefined ? undefined : { ...row };
  }

  list(): readonly ExperimentRow[] {
    return [...this.#rows.values()].map((row) => ({ ...row })).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }
}

/**
 * The runs of a store in memory: their rows, graphs and owners. `make` adds what a store keeps beside them.
 * All of it happens in one turn of the loop, so a commit is seen whole or not at all.
 */
export class MemoryRuns<Kept extends KeptRun> {
  readonly experiments: MemoryExperiments = new MemoryExperiments();
  readonly #runs = new Map<RunId, Kept>();
  readonly #living = new Map<OwnerId, OwnerRecord>();
  readonly #make: (run: KeptRun) => Kept;

  constructor(make: (run: KeptRun) => Kept) {
    this.#make = make;
  }

  join(owner: OwnerRecord): void {
    this.#living.set(owner.owner, owner);
  }

  leave(owner: OwnerId): void {
    this.#living.delete(owner);
  }

  create(run: NewRun, graph: Graph, owner: OwnerId): void {
    if (this.#runs.has(run.id)) throw runExists(run.id);
    const { beside, ...row } = run;
    if (beside !== undefined && row.experiment !== '')
      for (const [id, { row: other }] of this.#runs)
        if (other.experiment === row.experiment && other.point === row.point && !beside.includes(id))
          throw pointTaken(id, row.experiment);
    this.#runs.set(run.id, this.#make({ row: { ...row, owner, epoch: 1, seq: 0 }, graph: [graph], loose: 0 }));
  }

  /** @throws {HeddleError} RUN_NOT_FOUND */
  get(run: RunId): Kept {
    const kept = this.#runs.get(run);
    if (kept === undefined) throw runNotFound(run);
    return kept;
  }

  row(run: RunId): RunRow | undefined {
    return this.#runs.get(run)?.row;
  }

  list(filter: RunFilter): readonly RunRow[] {
    return filterRuns(
      [...this.#runs.values()].map((kept) => kept.row),
      filter,
    );
  }

  claim(run: RunId, claimant: OwnerId): ClaimAnswer {
    const kept = this.#runs.get(run);
    if (kept === undefined) return { kind: 'not-found' };
    const { owner, epoch } = kept.row;
    if (owner === claimant) return { kind: 'claimed', epoch };
    const living = owner === '' ? undefined : this.#living.get(owner);
    if (living !== undefined) return { kind: 'owned', owner: living.owner, host: living.host, pid: living.pid };
    kept.row = { ...kept.row, owner: claimant, epoch: epoch + 1 };
    return { kind: 'claimed', epoch: epoch + 1 };
  }

  ownerOf(run: RunId): (OwnerRecord & { readonly alive: boolean }) | undefined {
    const { owner } = this.get(run).row;
    if (owner === '') return undefined;
    const living = this.#living.get(owner);
    return living === undefined ? { owner, host: '', pid: 0, socket: '', alive: false } : { ...living, alive: true };
  }

  release(run: RunId, owner: OwnerId, epoch: number): void {
    const kept = this.get(run);
    if (kept.row.owner !== owner || kept.row.epoch !== epoch) throw notYours(run, owner, epoch);
    kept.row = { ...kept.row, owner: '' };
  }

  /** Applies all commits or none; `apply` takes what the store keeps beside the row. */
  commit(commits: readonly RunCommit[], apply: (kept: Kept, commit: RunCommit) => void): void {
    const rows = new Map<RunId, RunRow>();
    for (const commit of commits) {
      const row = fittingGround(commit, rows.get(commit.run) ?? this.row(commit.run));
      rows.set(commit.run, changedRow(row, commit));
    }
    for (const commit of commits) {
      const kept = this.get(commit.run);
      for (const segment of commit.segments) keepSegment(kept, segment);
      apply(kept, commit);
    }
    for (const [run, row] of rows) this.get(run).row = row;
  }

  delete(run: RunId): void {
    const { owner } = this.get(run).row;
    if (owner !== '' && this.#living.has(owner)) throw runOwned(run, owner);
    this.#runs.delete(run);
  }
}

/** So many small segments become one: a graph of one job is two kilobytes of columns. */
const JOINED = 256;

function keepSegment(kept: KeptRun, segment: Graph): void {
  kept.graph.push(segment);
  kept.loose = segment.size < JOINED ? kept.loose + 1 : 0;
  if (kept.loose < JOINED) return;
  kept.graph.push(joinSegments(kept.graph.splice(-JOINED)));
  kept.loose = 0;
}

function changedRow(row: RunRow, commit: RunCommit): RunRow {
  const added = commit.segments.reduce((sum, segment) => sum + segment.size, 0);
  return { ...row, ...commit.patch, size: row.size + added, seq: row.seq + commit.transitions.length };
}

let openings = 0;

/** An owner id for an opening of a store that no other process can see: a counter is enough. */
export function memoryOwner(): OwnerId {
  openings += 1;
  return `o-memory${openings}` as OwnerId;
}
