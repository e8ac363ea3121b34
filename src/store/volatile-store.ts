import type {
  AttemptRow,
  ClaimAnswer,
  ExperimentRow,
  FinalJobs,
  Graph,
  JobRow,
  NewRun,
  OwnerId,
  OwnerRecord,
  RunCommit,
  RunFilter,
  RunId,
  RunRow,
  Status,
  Store,
  SubmissionRow,
  Transition,
  Value,
} from '../model/index.ts';
import { type KeptRun, MemoryRuns, memoryOwner } from './memory-runs.ts';

interface Kept extends KeptRun {
  readonly values: ValueColumn;
}

/**
 * The engine's store when nothing is to survive: values and run rows, nothing of jobs. A value costs one
 * reference to what the engine holds anyway.
 */
export class VolatileStore implements Store {
  readonly durability = 'memory';
  readonly keepsJobs = false;
  readonly owner: OwnerId = memoryOwner();
  readonly #runs: MemoryRuns<Kept> = new MemoryRuns((run): Kept => ({ ...run, values: new ValueColumn() }));

  constructor() {
    this.#runs.join({ owner: this.owner, host: 'memory', pid: process.pid, socket: '' });
  }

  async createRun(run: NewRun, graph: Graph): Promise<void> {
    this.#runs.create(run, graph, this.owner);
  }

  async claimRun(run: RunId): Promise<ClaimAnswer> {
    return this.#runs.claim(run, this.owner);
  }

  async ownerOf(run: RunId): Promise<(OwnerRecord & { readonly alive: boolean }) | undefined> {
    return this.#runs.ownerOf(run);
  }

  async releaseRun(run: RunId, epoch: number): Promise<void> {
    this.#runs.release(run, this.owner, epoch);
  }

  async commit(commits: readonly RunCommit[]): Promise<void> {
    this.#runs.commit(commits, apply);
  }

  commitNow(commits: readonly RunCommit[]): void {
    if (commits.length > 0) this.#runs.commit(commits, apply);
  }

  async run(id: RunId): Promise<RunRow | undefined> {
    return this.#runs.row(id);
  }

  async runs(filter: RunFilter): Promise<readonly RunRow[]> {
    return this.#runs.list(filter);
  }

  async graph(run: RunId): Promise<readonly Graph[]> {
    return [...this.#runs.get(run).graph];
  }

  // oxlint-disable-next-line require-yield
  async *jobs(run: RunId): AsyncGenerator<readonly JobRow[]> {
    this.#runs.get(run);
  }

  // oxlint-disable-next-line require-yield
  async *finals(run: RunId): AsyncGenerator<FinalJobs> {
    this.#runs.get(run);
  }

  // oxlint-disable-next-line require-yield
  async *unfinished(run: RunId): AsyncGenerator<readonly JobRow[]> {
    this.#runs.get(run);
  }

  async counts(run: RunId): Promise<ReadonlyMap<Status, number>> {
    this.#runs.get(run);
    return new Map();
  }

  async job(run: RunId): Promise<JobRow | undefined> {
    this.#runs.get(run);
    return undefined;
  }

  async attempts(run: RunId): Promise<readonly AttemptRow[]> {
    this.#runs.get(run);
    return [];
  }

  async values(run: RunId, jobs: readonly number[]): Promise<readonly (Value | undefined)[]> {
    const { values } = this.#runs.get(run);
    return jobs.map((job) => values.get(job));
  }

  async submissions(run: RunId): Promise<readonly SubmissionRow[]> {
    this.#runs.get(run);
    return [];
  }

  async transitions(run: RunId): Promise<readonly (Transition & { readonly seq: number })[]> {
    this.#runs.get(run);
    return [];
  }

  async putExperiment(experiment: ExperimentRow): Promise<void> {
    this.#runs.experiments.put(experiment);
  }

  async experiment(name: string): Promise<ExperimentRow | undefined> {
    return this.#runs.experiments.get(name);
  }

  async experiments(): Promise<readonly ExperimentRow[]> {
    return this.#runs.experiments.list();
  }

  async deleteRun(run: RunId): Promise<void> {
    this.#runs.delete(run);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#runs.leave(this.owner);
  }
}

function apply(kept: Kept, commit: RunCommit): void {
  for (const { job, value } of commit.values) kept.values.set(job, value);
}

const PAGE = 4096;

/**
 * Values by job, in pages that are made when first needed: it never copies to grow, and a million
 * JSON values are a million references. The wrapper of a JSON value is made again when it is read.
 */
class ValueColumn {
  readonly #pages: ((string | Value | undefined)[] | undefined)[] = [];

  set(job: number, value: Value): void {
    const at = Math.floor(job / PAGE);
    const page = this.#pages[at] ?? Array.from<string | Value | undefined>({ length: PAGE });
    this.#pages[at] = page;
    page[job % PAGE] = value.codec === 'json' ? value.json : value;
  }

  get(job: number): Value | undefined {
    const kept = this.#pages[Math.floor(job / PAGE)]?.[job % PAGE];
    return typeof kept === 'string' ? { codec: 'json', json: kept } : kept;
  }
}
