import {
  type AttemptRow,
  asOwnerId,
  type ClaimAnswer,
  type ExperimentRow,
  type FinalJobs,
  type Graph,
  HeddleError,
  isFinal,
  type JobRow,
  type OwnerId,
  type OwnerRecord,
  packFinals,
  type RunFilter,
  type RunId,
  type RunRow,
  type Status,
  type Store,
  type SubmissionRow,
  type Transition,
  type Value,
} from '../model/index.ts';

/** How a store elsewhere is asked. */
export interface StoreReader {
  read(method: string, args: readonly unknown[]): Promise<unknown>;
  close(): Promise<void>;
}

/** The reading methods, and how each is asked of a store. `jobs` gives one batch. */
const READING: Readonly<Record<string, (store: Store, args: readonly unknown[]) => Promise<unknown>>> = {
  ownerOf: async (store, [run]) => store.ownerOf(run as RunId),
  run: async (store, [run]) => store.run(run as RunId),
  runs: async (store, [filter]) => store.runs(filter as RunFilter),
  experiment: async (store, [name]) => store.experiment(name as string),
  experiments: async (store) => store.experiments(),
  graph: async (store, [run]) => store.graph(run as RunId),
  jobs: async (store, [run, from]) => {
    for await (const rows of store.jobs(run as RunId, from as number)) return rows;
    return [];
  },
  counts: async (store, [run]) => store.counts(run as RunId),
  job: async (store, [run, index]) => store.job(run as RunId, index as number),
  attempts: async (store, [run, index]) => store.attempts(run as RunId, index as number),
  values: async (store, [run, jobs]) => store.values(run as RunId, jobs as readonly number[]),
  submissions: async (store, [run]) => store.submissions(run as RunId),
  transitions: async (store, [run, after, limit]) => store.transitions(run as RunId, after as number, limit as number),
};

/** Asks a store as its owner does for others. @throws {HeddleError} INPUT_INVALID for a method that does not read */
export async function readStore(store: Store, method: string, args: readonly unknown[]): Promise<unknown> {
  const reading = Object.hasOwn(READING, method) ? READING[method] : undefined;
  if (reading === undefined) throw new HeddleError('INPUT_INVALID', `'${method}' is nothing that reads a store`);
  return reading(store, args);
}

/** A store as another process reads it for us, which has it to itself. It cannot be written. */
export class RemoteStore implements Store {
  readonly durability = 'normal';
  readonly keepsJobs = true;
  readonly owner: OwnerId = asOwnerId('');
  readonly #reader: StoreReader;

  constructor(reader: StoreReader) {
    this.#reader = reader;
  }

  async createRun(): Promise<void> {
    throw readOnly();
  }

  async claimRun(): Promise<ClaimAnswer> {
    throw readOnly();
  }

  async releaseRun(): Promise<void> {
    throw readOnly();
  }

  async commit(): Promise<void> {
    throw readOnly();
  }

  async deleteRun(): Promise<void> {
    throw readOnly();
  }

  async putExperiment(): Promise<void> {
    throw readOnly();
  }

  async experiment(name: string): Promise<ExperimentRow | undefined> {
    return (await this.#reader.read('experiment', [name])) as ExperimentRow | undefined;
  }

  async experiments(): Promise<readonly ExperimentRow[]> {
    return (await this.#reader.read('experiments', [])) as readonly ExperimentRow[];
  }

  async ownerOf(run: RunId): Promise<(OwnerRecord & { readonly alive: boolean }) | undefined> {
    return (await this.#reader.read('ownerOf', [run])) as (OwnerRecord & { readonly alive: boolean }) | undefined;
  }

  async run(id: RunId): Promise<RunRow | undefined> {
    return (await this.#reader.read('run', [id])) as RunRow | undefined;
  }

  async runs(filter: RunFilter): Promise<readonly RunRow[]> {
    return (await this.#reader.read('runs', [filter])) as readonly RunRow[];
  }

  async graph(run: RunId): Promise<readonly Graph[]> {
    return (await this.#reader.read('graph', [run])) as readonly Graph[];
  }

  async *jobs(run: RunId, from = 0): AsyncGenerator<readonly JobRow[]> {
    for (let next = from; ; ) {
      const rows = (await this.#reader.read('jobs', [run, next])) as readonly JobRow[];
      const last = rows.at(-1);
      if (last === undefined) return;
      yield rows;
      next = last.job + 1;
    }
  }

  // Both are for who takes a run over, which nobody does from here.
  async *finals(run: RunId): AsyncGenerator<FinalJobs> {
    for await (const rows of this.jobs(run)) yield packFinals(rows);
  }

  async *unfinished(run: RunId): AsyncGenerator<readonly JobRow[]> {
    for await (const rows of this.jobs(run)) yield rows.filter((row) => !isFinal(row.status));
  }

  async counts(run: RunId): Promise<ReadonlyMap<Status, number>> {
    return (await this.#reader.read('counts', [run])) as ReadonlyMap<Status, number>;
  }

  async job(run: RunId, index: number): Promise<JobRow | undefined> {
    return (await this.#reader.read('job', [run, index])) as JobRow | undefined;
  }

  async attempts(run: RunId, index: number): Promise<readonly AttemptRow[]> {
    return (await this.#reader.read('attempts', [run, index])) as readonly AttemptRow[];
  }

  async values(run: RunId, jobs: readonly number[]): Promise<readonly (Value | undefined)[]> {
    return (await this.#reader.read('values', [run, jobs])) as readonly (Value | undefined)[];
  }

  async submissions(run: RunId): Promise<readonly SubmissionRow[]> {
    return (await this.#reader.read('submissions', [run])) as readonly SubmissionRow[];
  }

  async transitions(run: RunId, after: number, limit: number): ReturnType<Store['transitions']> {
    return (await this.#reader.read('transitions', [run, after, limit])) as readonly (Transition & { seq: number })[];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.close();
  }
}

function readOnly(): HeddleError {
  return new HeddleError('STORE_LOCKED', 'the store is read through the process that has it to itself', {
    hint: 'ask that process, or wait until it ends',
  });
}
