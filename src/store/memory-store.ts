import {
  type AttemptRow,
  type ClaimAnswer,
  type Durability,
  type ExperimentRow,
  type FinalJobs,
  type Graph,
  isFinal,
  type JobRow,
  type NewRun,
  type OwnerId,
  type OwnerRecord,
  packFinals,
  type RunCommit,
  type RunFilter,
  type RunId,
  type RunRow,
  type Status,
  type Store,
  type SubmissionId,
  type SubmissionRow,
  type Transition,
  type Value,
} from '../model/index.ts';
import { FingerprintMedium, MemoryFingerprints } from './memory-fingerprints.ts';
import { type KeptRun, MemoryRuns, memoryOwner } from './memory-runs.ts';

const BATCH = 4096;

interface Kept extends KeptRun {
  /** By index; a hole where there is none. */
  readonly jobs: JobRow[];
  readonly attempts: Map<number, AttemptRow[]>;
  readonly values: Map<number, Value>;
  readonly submissions: Map<SubmissionId, SubmissionRow>;
  readonly journal: Transition[];
}

/** What several openings of one memory store share: the place of the disk. */
export class MemoryMedium {
  /** @internal */
  readonly fingerprints: FingerprintMedium = new FingerprintMedium();
  /** @internal */
  readonly runs: MemoryRuns<Kept> = new MemoryRuns(
    (run): Kept => ({ ...run, jobs: [], attempts: new Map(), values: new Map(), submissions: new Map(), journal: [] }),
  );
}

export interface MemoryStoreOptions {
  /** What to open; a new one where absent. */
  readonly medium?: MemoryMedium;
  /** @default one of its own */
  readonly owner?: OwnerId;
  /** What it says of itself; nothing survives the process whatever it says. @default 'memory' */
  readonly durability?: Durability;
}

/**
 * A store that keeps everything a durable one keeps, in this process's memory: for tests, and the reference for
 * what a store does. Each opening is an owner; it is alive until it is disposed.
 */
export class MemoryStore implements Store {
  readonly durability: Durability;
  readonly keepsJobs = true;
  readonly owner: OwnerId;
  readonly medium: MemoryMedium;
  readonly fingerprints: MemoryFingerprints;

  constructor(options: MemoryStoreOptions = {}) {
    this.durability = options.durability ?? 'memory';
    this.owner = options.owner ?? memoryOwner();
    this.medium = options.medium ?? new MemoryMedium();
    const { runs, fingerprints } = this.medium;
    this.fingerprints = new MemoryFingerprints(fingerprints, this.owner, (run) => runs.row(run));
    this.medium.runs.join({ owner: this.owner, host: 'memory', pid: process.pid, socket: '' });
  }

  async createRun(run: NewRun, graph: Graph): Promise<void> {
    this.medium.runs.create(run, graph, this.owner);
  }

  async claimRun(run: RunId): Promise<ClaimAnswer> {
    return this.medium.runs.claim(run, this.owner);
  }

  async ownerOf(run: RunId): Promise<(OwnerRecord & { readonly alive: boolean }) | undefined> {
    return this.medium.runs.ownerOf(run);
  }

  async releaseRun(run: RunId, epoch: number): Promise<void> {
    this.medium.runs.release(run, this.owner, epoch);
  }

  async commit(commits: readonly RunCommit[]): Promise<void> {
    this.medium.runs.commit(commits, apply);
  }

  async run(id: RunId): Promise<RunRow | undefined> {
    return this.medium.runs.row(id);
  }

  async runs(filter: RunFilter): Promise<readonly RunRow[]> {
    return this.medium.runs.list(filter);
  }

  async graph(run: RunId): Promise<readonly Graph[]> {
    return [...this.medium.runs.get(run).graph];
  }

  async *jobs(run: RunId, from = 0): AsyncGenerator<readonly JobRow[]> {
    for (let next = from; next < this.medium.runs.get(run).jobs.length; next += BATCH) {
      const batch = this.medium.runs
        .get(run)
        .jobs.slice(next, next + BATCH)
        .filter(() => true);
      if (batch.length > 0) yield batch;
    }
  }

  async *finals(run: RunId): AsyncGenerator<FinalJobs> {
    for await (const rows of this.jobs(run)) yield packFinals(rows);
  }

  async *unfinished(run: RunId): AsyncGenerator<readonly JobRow[]> {
    for await (const rows of this.jobs(run)) yield rows.filter((row) => !isFinal(row.status));
  }

  async counts(run: RunId): Promise<ReadonlyMap<Status, number>> {
    const counts = new Map<Status, number>();
    // forEach, unlike for-of, passes over holes.
    // oxlint-disable-next-line unicorn/no-array-for-each
    this.medium.runs.get(run).jobs.forEach((row) => counts.set(row.status, (counts.get(row.status) ?? 0) + 1));
    return counts;
  }

  async job(run: RunId, index: number): Promise<JobRow | undefined> {
    return this.medium.runs.get(run).jobs[index];
  }

  async attempts(run: RunId, index: number): Promise<readonly AttemptRow[]> {
    return this.medium.runs.get(run).attempts.get(index) ?? [];
  }

  async values(run: RunId, jobs: readonly number[]): Promise<readonly (Value | undefined)[]> {
    const { values } = this.medium.runs.get(run);
    return jobs.map((job) => values.get(job));
  }

  async submissions(run: RunId): Promise<readonly SubmissionRow[]> {
    return [...this.medium.runs.get(run).submissions.values()];
  }

  async transitions(
    run: RunId,
    afterSeq: number,
    limit: number,
  ): Promise<readonly (Transition & { readonly seq: number })[]> {
    const { journal } = this.medium.runs.get(run);
    return journal.slice(afterSeq, afterSeq + limit).map((transition, i) => ({ ...transition, seq: afterSeq + i + 1 }));
  }

  async putExperiment(experiment: ExperimentRow): Promise<void> {
    this.medium.runs.experiments.put(experiment);
  }

  async experiment(name: string): Promise<ExperimentRow | undefined> {
    return this.medium.runs.experiments.get(name);
  }

  async experiments(): Promise<readonly ExperimentRow[]> {
    return this.medium.runs.experiments.list();
  }

  async deleteRun(run: RunId): Promise<void> {
    this.medium.runs.delete(run);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.medium.runs.leave(this.owner);
  }
}

/** Takes a commit's rows. They are copied: the engine may use its objects again. */
function apply(kept: Kept, commit: RunCommit): void {
  for (const row of commit.jobs) {
    const before = kept.jobs[row.job];
    if (before !== undefined && before.fence > 0 && row.fence > before.fence) archive(kept, before);
    kept.jobs[row.job] = { ...row };
  }
  for (const { job, value } of commit.values) kept.values.set(job, value);
  for (const submission of commit.submissions) kept.submissions.set(submission.id, { ...submission });
  for (const transition of commit.transitions) kept.journal.push({ ...transition });
}

function archive(kept: Kept, row: JobRow): void {
  const { job, fence, attempt, backend, grant, handle, grantedAt, startedAt, endedAt, outcome } = row;
  const earlier: AttemptRow = {
    job,
    fence,
    attempt: attempt as AttemptRow['attempt'],
    backend,
    grant,
    handle,
    grantedAt,
    startedAt,
    endedAt,
    outcome,
  };
  kept.attempts.set(job, [...(kept.attempts.get(job) ?? []), earlier]);
}
