import type {
  AttemptRow,
  ClaimAnswer,
  Durability,
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
import { HeddleError, isFinal, packFinals } from '../model/index.ts';
import type { Dice } from './dice.ts';
import { notOwned, runNotFound, whyRefused } from './disk-rules.ts';
import type { SimulatedDisk, StoredRun } from './simulated-disk.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** How often and how a store misbehaves. Probabilities are per commit, times in virtual milliseconds. */
export interface StoreFaults {
  readonly commitMs: readonly [low: number, high: number];
  readonly readMs: readonly [low: number, high: number];
  readonly busy: number;
  readonly uncertain: number;
  readonly uncertainCode: 'STORE_UNCERTAIN' | 'STORE_IO';
  /** True while the disk is full. */
  readonly isFull: () => boolean;
}

export const NO_STORE_FAULTS: StoreFaults = {
  commitMs: [0, 0],
  readMs: [0, 0],
  busy: 0,
  uncertain: 0,
  uncertainCode: 'STORE_UNCERTAIN',
  isFull: () => false,
};

/** Who has the disk open, and whether others may take what it owns. */
export class Openings {
  readonly #openings = new Map<OwnerId, { readonly process: SimulatedProcess; leaseLost: boolean }>();

  add(owner: OwnerId, process: SimulatedProcess): void {
    this.#openings.set(owner, { process, leaseLost: false });
  }

  /** The others no longer believe that this process lives, though it may (a stopped engine). */
  loseLease(process: SimulatedProcess): void {
    for (const opening of this.#openings.values()) if (opening.process === process) opening.leaseLost = true;
  }

  close(owner: OwnerId): void {
    this.#openings.delete(owner);
  }

  isAlive(owner: OwnerId | ''): boolean {
    const opening = owner === '' ? undefined : this.#openings.get(owner);
    return opening !== undefined && opening.process.alive && !opening.leaseLost;
  }

  processOf(owner: OwnerId | ''): SimulatedProcess | undefined {
    return owner === '' ? undefined : this.#openings.get(owner)?.process;
  }
}

export interface SimulatedStoreOptions {
  readonly disk: SimulatedDisk;
  readonly openings: Openings;
  readonly process: SimulatedProcess;
  readonly owner: OwnerId;
  readonly dice: Dice;
  /** Asked before each commit and read: faults may come and go. */
  readonly faults: () => StoreFaults;
  /** How many commits it takes before the first is answered. @default 1 */
  readonly commitsAhead?: number;
}

/** One opening of the simulated disk by one process: takes virtual time, and fails as it is told to. */
export class SimulatedStore implements Store {
  readonly durability: Durability;
  readonly keepsJobs = true;
  readonly owner: OwnerId;
  readonly commitsAhead: number;
  readonly #options: SimulatedStoreOptions;
  /** Commits that failed, those of which the process has heard, and how the last of them did. */
  #failures = 0;
  #heard = 0;
  #lastFailure = new Error('none');
  #lastCommitAt = 0;
  #refused = false;

  constructor(options: SimulatedStoreOptions) {
    this.#options = options;
    this.durability = options.disk.durability;
    this.owner = options.owner;
    this.commitsAhead = options.commitsAhead ?? 1;
    options.openings.add(options.owner, options.process);
  }

  /** True while the last commit was refused: its writer has more to say than the store has heard. */
  get isRefusing(): boolean {
    return this.#refused;
  }

  createRun(run: NewRun, graph: Graph): Promise<void> {
    const { process, disk, dice } = this.#options;
    return this.#commit(
      (settle) => {
        if (process.passes('before-create')) return;
        disk.write({ kind: 'create', run, graph, owner: this.owner });
        if (process.passes('after-create')) return;
        settle();
      },
      dice.int(0, 2),
    );
  }

  async claimRun(run: RunId): Promise<ClaimAnswer> {
    const { process, disk, openings } = this.#options;
    return this.#read((): ClaimAnswer => {
      if (process.passes('before-claim')) return { kind: 'not-found' };
      const stored = disk.get(run);
      if (stored === undefined) return { kind: 'not-found' };
      const { owner, epoch } = stored.row;
      if (owner === this.owner) return { kind: 'claimed', epoch };
      if (owner !== '' && openings.isAlive(owner))
        return { kind: 'owned', owner, host: 'simulated', pid: globalThis.process.pid };
      disk.write({ kind: 'claim', run, owner: this.owner });
      process.passes('after-claim');
      return { kind: 'claimed', epoch: epoch + 1 };
    });
  }

  ownerOf(run: RunId): Promise<(OwnerRecord & { readonly alive: boolean }) | undefined> {
    const { openings } = this.#options;
    return this.#of(run, ({ row: { owner } }) => {
      if (owner === '') return undefined;
      return { owner, host: 'simulated', pid: globalThis.process.pid, socket: '', alive: openings.isAlive(owner) };
    });
  }

  releaseRun(run: RunId, epoch: number): Promise<void> {
    const { process, disk } = this.#options;
    return this.#commit((settle, reject) => {
      if (process.passes('before-give-up')) return;
      const row = disk.get(run)?.row;
      if (row === undefined) return reject(runNotFound(run));
      if (row.owner !== this.owner || row.epoch !== epoch) return reject(notOwned(run, this.owner));
      disk.write({ kind: 'claim', run, owner: '' });
      settle();
    }, 0);
  }

  commit(commits: readonly RunCommit[]): Promise<void> {
    const { process, disk, dice } = this.#options;
    const faults = this.#options.faults();
    // A real store has bound the rows when the call returns; whoever changes them later changes nothing here.
    const copies = commits.map(copyOf);
    const hasIntent = copies.some((commit) => commit.jobs.some((row) => row.grant !== '' && row.startedAt === 0));
    const heard = this.#heard;
    return this.#commit(
      (settle, refuse) => {
        // Handed over before the process heard of a failure: it must not overtake what failed.
        if (heard !== this.#failures) return refuse(this.#lastFailure);
        const reject = (error: Error): void => this.#fail(error, refuse);
        if (process.passes(hasIntent ? 'before-intent' : 'before-commit')) return;
        if (dice.chance(faults.busy)) return reject(new HeddleError('STORE_BUSY', 'another writer holds the lock'));
        if (faults.isFull()) return reject(new HeddleError('STORE_FULL', 'no space left on the device'));
        const isUncertain = dice.chance(faults.uncertain);
        const uncertain = new HeddleError(faults.uncertainCode, 'nobody knows what became of the commit');
        if (isUncertain && dice.chance(0.5)) return reject(uncertain);
        const refusal = whyRefused(copies, (run) => disk.get(run));
        if (refusal !== undefined) return reject(refusal);
        disk.write({ kind: 'commit', commits: copies });
        if (process.passes(hasIntent ? 'after-intent' : 'after-commit')) return;
        if (isUncertain) reject(uncertain);
        else settle();
      },
      dice.int(...faults.commitMs),
    );
  }

  #fail(error: Error, refuse: (error: Error) => void): void {
    this.#failures += 1;
    this.#lastFailure = error;
    const failures = this.#failures;
    this.#options.process.answer(0, () => {
      this.#heard = failures;
    });
    refuse(error);
  }

  run(id: RunId): Promise<RunRow | undefined> {
    return this.#read(() => this.#options.disk.get(id)?.row);
  }

  runs(filter: RunFilter): Promise<readonly RunRow[]> {
    return this.#read(() => {
      const { statuses, name, experiment, before } = filter;
      return [...this.#options.disk.runs.values()]
        .map((stored) => stored.row)
        .filter((row) => statuses === undefined || statuses.includes(row.status))
        .filter((row) => experiment === undefined || row.experiment === experiment)
        .filter((row) => (name === undefined || row.name === name) && (before === undefined || row.id < before))
        .sort((a, b) => (a.id < b.id ? 1 : -1))
        .slice(0, filter.limit ?? Number.POSITIVE_INFINITY);
    });
  }

  graph(run: RunId): Promise<readonly Graph[]> {
    return this.#of(run, (stored) => [...stored.graphs]);
  }

  async *jobs(run: RunId, from = 0): AsyncIterable<readonly JobRow[]> {
    let next = from;
    for (;;) {
      const rows = await this.#of(run, (stored) => rowsFrom(stored, next));
      const last = rows.at(-1);
      if (last === undefined) return;
      yield rows;
      next = last.job + 1;
    }
  }

  async *finals(run: RunId): AsyncIterable<FinalJobs> {
    for await (const rows of this.jobs(run)) yield packFinals(rows);
  }

  async *unfinished(run: RunId): AsyncIterable<readonly JobRow[]> {
    for await (const rows of this.jobs(run)) yield rows.filter((row) => !isFinal(row.status));
  }

  counts(run: RunId): Promise<ReadonlyMap<Status, number>> {
    return this.#of(run, countStatuses);
  }

  job(run: RunId, index: number): Promise<JobRow | undefined> {
    return this.#of(run, (stored) => stored.jobs.get(index));
  }

  attempts(run: RunId, index: number): Promise<readonly AttemptRow[]> {
    return this.#of(run, (stored) => [...(stored.attempts.get(index) ?? [])]);
  }

  values(run: RunId, jobs: readonly number[]): Promise<readonly (Value | undefined)[]> {
    return this.#of(run, (stored) => jobs.map((job) => stored.values.get(job)));
  }

  submissions(run: RunId): Promise<readonly SubmissionRow[]> {
    return this.#of(run, (stored) => [...stored.submissions.values()]);
  }

  transitions(
    run: RunId,
    afterSeq: number,
    limit: number,
  ): Promise<readonly (Transition & { readonly seq: number })[]> {
    return this.#of(run, (stored) =>
      stored.transitions
        .slice(afterSeq, afterSeq + limit)
        .map((transition, i) => ({ ...transition, seq: afterSeq + i + 1 })),
    );
  }

  putExperiment(experiment: ExperimentRow): Promise<void> {
    return this.#commit((settle) => {
      this.#options.disk.write({ kind: 'experiment', experiment: { ...experiment } });
      settle();
    }, 0);
  }

  experiment(name: string): Promise<ExperimentRow | undefined> {
    return this.#read(() => this.#options.disk.experiments.get(name));
  }

  experiments(): Promise<readonly ExperimentRow[]> {
    return this.#read(() => [...this.#options.disk.experiments.values()].sort((a, b) => (a.name < b.name ? -1 : 1)));
  }

  deleteRun(run: RunId): Promise<void> {
    const { disk, openings } = this.#options;
    return this.#commit((settle, reject) => {
      const row = disk.get(run)?.row;
      if (row === undefined) return reject(runNotFound(run));
      if (openings.isAlive(row.owner))
        return reject(new HeddleError('RUN_OWNED', `run ${run} is owned by a living engine`));
      disk.write({ kind: 'delete', run });
      settle();
    }, 0);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#options.openings.close(this.owner);
    return Promise.resolve();
  }

  #of<T>(run: RunId, read: (stored: StoredRun) => T): Promise<T> {
    return this.#read(() => {
      const stored = this.#options.disk.get(run);
      if (stored === undefined) throw runNotFound(run);
      return read(stored);
    });
  }

  #read<T>(read: () => T): Promise<T> {
    const { process, dice } = this.#options;
    return new Promise((resolve, reject) => {
      process.answer(dice.int(...this.#options.faults().readMs), () => {
        try {
          const value = read();
          if (process.alive) resolve(value);
        } catch (error) {
          reject(error as Error);
        }
      });
    });
  }

  /**
   * Does a write after a while, writes of one opening in the order they were asked for, and answers
   * the process if it still lives. What was on its way when the process died never arrives.
   */
  #commit(write: (settle: () => void, reject: (error: Error) => void) => void, delayMs: number): Promise<void> {
    const { process, dice } = this.#options;
    const at = Math.max(process.world.mono + delayMs, this.#lastCommitAt);
    this.#lastCommitAt = at;
    return new Promise((resolve, reject) => {
      const attempt = (): void => {
        try {
          write(
            () => {
              this.#refused = false;
              process.answer(dice.int(0, 1), resolve);
            },
            (error) => {
              this.#refused = !HeddleError.is(error) || error.code !== 'RUN_NOT_OWNED';
              process.answer(0, () => reject(error));
            },
          );
        } catch (error) {
          process.answer(0, () => reject(error as Error));
        }
      };
      process.answer(at - process.world.mono, attempt);
    });
  }
}

/** No more rows at a time, as a real store. */
const BATCH = 4096;

function rowsFrom(stored: StoredRun, from: number): readonly JobRow[] {
  return [...stored.jobs.values()]
    .filter((row) => row.job >= from)
    .sort((a, b) => a.job - b.job)
    .slice(0, BATCH);
}

/** What was handed over is the writer's again when the call returns. */
function copyOf(commit: RunCommit): RunCommit {
  return {
    ...commit,
    jobs: commit.jobs.map((row) => ({ ...row })),
    values: [...commit.values],
    submissions: commit.submissions.map((row) => ({ ...row })),
    transitions: commit.transitions.map((step) => ({ ...step })),
    segments: [...commit.segments],
  };
}

function countStatuses(stored: StoredRun): ReadonlyMap<Status, number> {
  const counts = new Map<Status, number>();
  for (const row of stored.jobs.values()) counts.set(row.status, (counts.get(row.status) ?? 0) + 1);
  return counts;
}
