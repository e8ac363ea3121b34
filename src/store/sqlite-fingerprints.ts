import type {
  EarlierQuery,
  EarlierRow,
  FileHashRow,
  FingerprintRow,
  FingerprintStore,
  FoundResult,
  OutputState,
  RunId,
} from '../model/index.ts';
import type { StoreAccess } from './store-access.ts';

/** Rows a batch: some milliseconds of the loop. */
const ROWS_A_BATCH = 1000;

/** What results were made of, kept by SQLite. Long lists are read and written in batches, the loop turning in between. */
export class SqliteFingerprints implements FingerprintStore {
  readonly #access: StoreAccess;

  constructor(access: StoreAccess) {
    this.#access = access;
  }

  put(run: RunId, rows: readonly FingerprintRow[]): Promise<void> {
    return this.#inBatches(rows, (batch) => this.#access.writeFingerprints('put', run, batch));
  }

  seal(run: RunId, jobs: readonly Pick<FingerprintRow, 'job' | 'fingerprint'>[]): Promise<void> {
    return this.#inBatches(jobs, (batch) => this.#access.writeFingerprints('seal', run, batch));
  }

  accept(run: RunId, rows: readonly FingerprintRow[]): Promise<void> {
    return this.#inBatches(rows, (batch) => this.#access.writeFingerprints('accept', run, batch));
  }

  find(
    fingerprints: readonly string[],
    { except = '' as RunId, skip = 0 }: { readonly except?: RunId; readonly skip?: number } = {},
  ): Promise<readonly (FoundResult | undefined)[]> {
    return this.#readAll(fingerprints, (batch) => this.#access.readFingerprints('find', batch, except, skip));
  }

  of(run: RunId, jobs: readonly number[]): Promise<readonly (FingerprintRow | undefined)[]> {
    return this.#readAll(jobs, (batch) => this.#access.readFingerprints('of', run, batch));
  }

  has(run: RunId): Promise<boolean> {
    return this.#access.readFingerprints('has', run);
  }

  countReused(run: RunId): Promise<number> {
    return this.#access.readFingerprints('countReused', run);
  }

  earlier(query: EarlierQuery): Promise<readonly EarlierRow[]> {
    return this.#access.readFingerprints('earlier', query);
  }

  bases(task: string): Promise<readonly string[]> {
    return this.#access.readFingerprints('bases', task);
  }

  dependents(run: RunId): Promise<readonly RunId[]> {
    return this.#access.readFingerprints('dependents', run);
  }

  keepOutputs(run: RunId, states: readonly OutputState[]): Promise<void> {
    return this.#inBatches(states, (batch) => this.#access.writeFingerprints('keepOutputs', run, batch));
  }

  outputStates(run: RunId, jobs: readonly number[]): Promise<readonly (string | undefined)[]> {
    return this.#readAll(jobs, (batch) => this.#access.readFingerprints('outputStates', run, batch));
  }

  putCode(code: readonly { readonly hash: string; readonly files: string }[]): Promise<void> {
    return this.#inBatches(code, (batch) => this.#access.writeFingerprints('putCode', batch));
  }

  code(hash: string): Promise<string | undefined> {
    return this.#access.readFingerprints('code', hash);
  }

  fileHashes(inodes: readonly string[]): Promise<readonly (FileHashRow | undefined)[]> {
    return this.#readAll(inodes, (batch) => this.#access.readFingerprints('fileHashes', batch));
  }

  rememberFiles(rows: readonly FileHashRow[]): Promise<void> {
    return this.#inBatches(rows, (batch) => this.#access.writeFingerprints('rememberFiles', batch));
  }

  async #inBatches<Item>(items: readonly Item[], write: (batch: readonly Item[]) => Promise<void>): Promise<void> {
    for (let from = 0; from < items.length; from += ROWS_A_BATCH) {
      if (from > 0) await this.#access.turn();
      await write(items.slice(from, from + ROWS_A_BATCH));
    }
  }

  async #readAll<Item, Answer>(
    items: readonly Item[],
    read: (batch: readonly Item[]) => Promise<readonly Answer[]>,
  ): Promise<readonly Answer[]> {
    const answers: Answer[] = [];
    for (let from = 0; from < items.length; from += ROWS_A_BATCH) {
      if (from > 0) await this.#access.turn();
      for (const answer of await read(items.slice(from, from + ROWS_A_BATCH))) answers.push(answer);
    }
    return answers;
  }
}
