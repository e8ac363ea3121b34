import type {
  AttemptRow,
  Durability,
  Graph,
  JobRow,
  ExperimentRow,
  NewRun,
  OwnerId,
  RunCommit,
  RunId,
  RunRow,
  SubmissionRow,
  Transition,
  Value,
} from '../model/index.ts';
import { HeddleError } from '../model/index.ts';

/** A run as the disk has it. */
export interface StoredRun {
  row: RunRow;
  readonly graphs: Graph[];
  readonly jobs: Map<number, JobRow>;
  readonly attempts: Map<number, AttemptRow[]>;
  readonly values: Map<number, Value>;
  readonly submissions: Map<string, SubmissionRow>;
  /** Entry i has sequence number i + 1. */
  readonly transitions: Transition[];
  /** The same, by job. */
  readonly stepsOf: Map<number, Transition[]>;
}

/** One write, as it can be done again after the power came back. */
type Write =
  | { readonly kind: 'create'; readonly run: NewRun; readonly graph: Graph; readonly owner: OwnerId }
  | { readonly kind: 'claim'; readonly run: RunId; readonly owner: OwnerId | '' }
  | { readonly kind: 'commit'; readonly commits: readonly RunCommit[] }
  | { readonly kind: 'experiment'; readonly experiment: ExperimentRow }
  | { readonly kind: 'delete'; readonly run: RunId };

/** Told of each commit as it takes effect, with the state before it. */
export interface DiskWatcher {
  onCommit(commit: RunCommit, before: StoredRun): void;
  onCommitted(commit: RunCommit, after: StoredRun): void;
  /** All commits of one transaction have taken effect. */
  onTransaction(commits: readonly RunCommit[]): void;
}

function rememberAttempt(stored: StoredRun, old: JobRow): void {
  const list = stored.attempts.get(old.job) ?? [];
  list.push({
    job: old.job,
    fence: old.fence,
    attempt: old.attempt as AttemptRow['attempt'],
    backend: old.backend,
    grant: old.grant,
    handle: old.handle,
    grantedAt: old.grantedAt,
    startedAt: old.startedAt,
    endedAt: old.endedAt,
    outcome: old.outcome,
  });
  stored.attempts.set(old.job, list);
}

function applyCommit(stored: StoredRun, commit: RunCommit): void {
  for (const row of commit.jobs) {
    const old = stored.jobs.get(row.job);
    if (old !== undefined && old.fence > 0 && row.fence > old.fence) rememberAttempt(stored, old);
    stored.jobs.set(row.job, row);
  }
  for (const value of commit.values) stored.values.set(value.job, value.value);
  for (const submission of commit.submissions) stored.submissions.set(submission.id, submission);
  for (const transition of commit.transitions) {
    stored.transitions.push(transition);
    const steps = stored.stepsOf.get(transition.job);
    if (steps === undefined) stored.stepsOf.set(transition.job, [transition]);
    else steps.push(transition);
  }
  let { size } = stored.row;
  for (const segment of commit.segments) {
    stored.graphs.push(segment);
    size += segment.size;
  }
  stored.row = { ...stored.row, ...commit.patch, size, seq: stored.transitions.length };
}

/**
 * What survives: rows in memory, and the list of writes that made them, so that after a power
 * loss the state is what the first so many writes make. `full` syncs each write before it is
 * acknowledged; `normal` when `sync` is called.
 */
export class SimulatedDisk {
  readonly durability: Durability;
  readonly runs: Map<RunId, StoredRun> = new Map();
  readonly experiments: Map<string, ExperimentRow> = new Map();
  watcher: DiskWatcher | undefined;
  readonly #writes: Write[] = [];
  #synced = 0;
  /** Number of power losses so far: what was read before one may not be true after it. */
  losses = 0;

  constructor(durability: Durability) {
    this.durability = durability;
  }

  /** How many writes a power loss could take. */
  get unsynced(): number {
    return this.#writes.length - this.#synced;
  }

  get(run: RunId): StoredRun | undefined {
    return this.runs.get(run);
  }

  write(write: Write): void {
    this.#apply(write, true);
    this.#writes.push(write);
    if (this.durability === 'full') this.sync();
  }

  /** Everything written so far survives power loss. */
  sync(): void {
    this.#synced = this.#writes.length;
  }

  /** The machine goes dark: `lost` of the writes that were not synced are gone. */
  losePower(lost: number): void {
    this.losses += 1;
    this.#writes.length = Math.max(this.#synced, this.#writes.length - lost);
    this.#synced = this.#writes.length;
    this.runs.clear();
    this.experiments.clear();
    for (const write of this.#writes) this.#apply(write, false);
  }

  #apply(write: Write, watched: boolean): void {
    switch (write.kind) {
      case 'create':
        this.#create(write.run, write.graph, write.owner);
        return;
      case 'claim': {
        const stored = this.#mustGet(write.run);
        const epoch = write.owner === '' ? stored.row.epoch : stored.row.epoch + 1;
        stored.row = { ...stored.row, owner: write.owner, epoch };
        return;
      }
      case 'experiment':
        this.experiments.set(write.experiment.name, write.experiment);
        return;
      case 'delete':
        this.runs.delete(write.run);
        return;
      case 'commit':
        for (const commit of write.commits) {
          const stored = this.#mustGet(commit.run);
          if (watched) this.watcher?.onCommit(commit, stored);
          applyCommit(stored, commit);
          if (watched) this.watcher?.onCommitted(commit, stored);
        }
        if (watched) this.watcher?.onTransaction(write.commits);
    }
  }

  #create(run: NewRun, graph: Graph, owner: OwnerId): void {
    if (this.runs.has(run.id)) throw new HeddleError('STATE_CONFLICT', `run ${run.id} exists`);
    this.runs.set(run.id, {
      row: { ...run, owner, epoch: 1, seq: 0 },
      graphs: [graph],
      jobs: new Map(),
      attempts: new Map(),
      values: new Map(),
      submissions: new Map(),
      transitions: [],
      stepsOf: new Map(),
    });
  }

  #mustGet(run: RunId): StoredRun {
    const stored = this.runs.get(run);
    if (stored === undefined) throw new HeddleError('RUN_NOT_FOUND', `no run ${run}`);
    return stored;
  }
}
