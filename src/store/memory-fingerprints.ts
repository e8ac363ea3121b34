import type {
  EarlierQuery,
  EarlierRow,
  FileHashRow,
  FingerprintRow,
  FingerprintStore,
  FoundResult,
  OutputState,
  OwnerId,
  RunId,
  RunRow,
} from '../model/index.ts';
import { notYours, runNotFound } from './store-rules.ts';

interface KeptRow extends EarlierRow {
  sealed: boolean;
  /** What is kept of its outputs. */
  outputs?: string;
  readonly isAccepted: boolean;
}

/** What several openings of one memory store know of what results were made of. */
export class FingerprintMedium {
  /** In order of the runs that put them. */
  readonly rows: Map<RunId, KeptRow[]> = new Map();
  readonly code: Map<string, string> = new Map();
  readonly files: Map<string, FileHashRow> = new Map();
}

/** What results were made of, in this process's memory: the reference for what a store does. */
export class MemoryFingerprints implements FingerprintStore {
  readonly #medium: FingerprintMedium;
  readonly #owner: OwnerId;
  readonly #run: (run: RunId) => RunRow | undefined;

  constructor(medium: FingerprintMedium, owner: OwnerId, run: (run: RunId) => RunRow | undefined) {
    this.#medium = medium;
    this.#owner = owner;
    this.#run = run;
  }

  async put(run: RunId, rows: readonly FingerprintRow[]): Promise<void> {
    const { owner, epoch } = this.#require(run);
    if (owner !== this.#owner) throw notYours(run, this.#owner, epoch);
    const replaced = new Set(rows.map(({ job }) => job));
    const kept = this.#rows(run).filter(({ job }) => !replaced.has(job));
    this.#medium.rows.set(run, [...kept, ...rows.map((row) => ({ ...row, run, sealed: false, isAccepted: false }))]);
  }

  async seal(run: RunId, jobs: readonly Pick<FingerprintRow, 'job' | 'fingerprint'>[]): Promise<void> {
    this.#require(run);
    const wanted = new Map(jobs.map(({ job, fingerprint }) => [job, fingerprint]));
    for (const row of this.#rows(run)) if (wanted.get(row.job) === row.fingerprint) row.sealed = true;
  }

  async accept(run: RunId, rows: readonly FingerprintRow[]): Promise<void> {
    this.#require(run);
    const kept = this.#rows(run);
    this.#medium.rows.set(run, [...kept, ...rows.map((row) => ({ ...row, run, sealed: true, isAccepted: true }))]);
  }

  async find(
    fingerprints: readonly string[],
    { except, skip = 0 }: { readonly except?: RunId; readonly skip?: number } = {},
  ): Promise<readonly (FoundResult | undefined)[]> {
    const wanted = new Set(fingerprints);
    const found = new Map<string, FoundResult[]>();
    for (const { run, job, name, fingerprint, sealed } of this.#all().toReversed()) {
      if (!sealed || run === except || !wanted.has(fingerprint)) continue;
      found.set(fingerprint, [...(found.get(fingerprint) ?? []), { run, job, name }]);
    }
    return fingerprints.map((fingerprint) => found.get(fingerprint)?.[skip]);
  }

  async of(run: RunId, jobs: readonly number[]): Promise<readonly (FingerprintRow | undefined)[]> {
    this.#require(run);
    const rows = new Map(this.#rows(run).flatMap((row) => (row.isAccepted ? [] : [[row.job, row]])));
    return jobs.map((job) => {
      const row = rows.get(job);
      return row === undefined ? undefined : this.#bare(row);
    });
  }

  async has(run: RunId): Promise<boolean> {
    this.#require(run);
    return this.#rows(run).length > 0;
  }

  async countReused(run: RunId): Promise<number> {
    this.#require(run);
    return this.#rows(run).filter(({ fromRun }) => fromRun !== '').length;
  }

  async earlier({ task, name, before = Infinity, except, limit }: EarlierQuery): Promise<readonly EarlierRow[]> {
    return this.#all()
      .filter(
        (row) =>
          row.task === task && (name === undefined || row.name === name) && row.at < before && row.run !== except,
      )
      .toReversed()
      .toSorted((a, b) => b.at - a.at)
      .slice(0, limit)
      .map((row) => ({ ...this.#bare(row), run: row.run }));
  }

  async bases(task: string): Promise<readonly string[]> {
    const rows = this.#all().filter((row) => row.sealed && row.task === task);
    return [...new Set(rows.toSorted((a, b) => b.at - a.at).map(({ base }) => base))].slice(0, 1000);
  }

  async dependents(run: RunId): Promise<readonly RunId[]> {
    const rows = this.#all().filter(({ fromRun }) => fromRun === run);
    return [...new Set(rows.map((row) => row.run))].toSorted();
  }

  async keepOutputs(run: RunId, states: readonly OutputState[]): Promise<void> {
    this.#require(run);
    for (const { job, at, state } of states) {
      const row = this.#rows(run).find((each) => each.job === job && !each.isAccepted && each.at === at);
      if (row !== undefined) row.outputs = state;
    }
  }

  async outputStates(run: RunId, jobs: readonly number[]): Promise<readonly (string | undefined)[]> {
    this.#require(run);
    const states = new Map(this.#rows(run).flatMap((row) => (row.isAccepted ? [] : [[row.job, row.outputs]])));
    return jobs.map((job) => states.get(job));
  }

  async putCode(code: readonly { readonly hash: string; readonly files: string }[]): Promise<void> {
    for (const { hash, files } of code) this.#medium.code.set(hash, files);
  }

  async code(hash: string): Promise<string | undefined> {
    return this.#medium.code.get(hash);
  }

  async fileHashes(inodes: readonly string[]): Promise<readonly (FileHashRow | undefined)[]> {
    return inodes.map((inode) => this.#medium.files.get(inode));
  }

  async rememberFiles(rows: readonly FileHashRow[]): Promise<void> {
    for (const row of rows) this.#medium.files.set(row.inode, { ...row });
  }

  /** Of runs that are still there. */
  #all(): readonly KeptRow[] {
    return [...this.#medium.rows].flatMap(([run, rows]) => (this.#run(run) === undefined ? [] : rows));
  }

  #rows(run: RunId): KeptRow[] {
    return this.#medium.rows.get(run) ?? [];
  }

  #require(run: RunId): RunRow {
    const row = this.#run(run);
    if (row === undefined) throw runNotFound(run);
    return row;
  }

  #bare({ sealed: _sealed, outputs: _outputs, isAccepted: _isAccepted, run: _run, ...row }: KeptRow): FingerprintRow {
    if (row.fromRun === '') return row;
    const source = this.#rows(row.fromRun).find(
      ({ job, fingerprint }) => job === row.fromJob && fingerprint === row.fingerprint,
    );
    return source === undefined ? row : { ...row, components: source.components };
  }
}
