import { isAbsolute, resolve } from 'node:path';
import type {
  Clock,
  CommandOutput,
  CommandValue,
  FingerprintRow,
  FoundResult,
  OutputState,
  RunId,
  Store,
  Value,
} from '../../model/index.ts';
import { ImageDigests } from '../../backends/containers/index.ts';
import { CodeBook } from './code-book.ts';
import {
  type Described,
  describeTask,
  isContained,
  type Placeless,
  type ReadyTask,
  withoutPlaces,
} from './components.ts';
import { type AskedFile, FileHashes, type FoundFile } from './file-hashes.ts';
import { areUntouched, type Identified, identitiesText } from './file-identity.ts';

/** A job whose inputs are known. */
export interface TaskWithInputs extends ReadyTask {
  /** Absent: no run has begun it. */
  readonly run?: RunId;
  readonly value: (node: number) => Value | undefined;
}

/** What is asked for: a fingerprint, and which outputs may be gone. */
export interface Wanted {
  readonly fingerprint: string;
  /** Names of outputs that are temporary. */
  readonly temporary: ReadonlySet<string>;
  /** Nobody takes its value. @default false */
  readonly withoutValue?: boolean;
  /** Its value names no files: that of a call. @default false */
  readonly withoutFiles?: boolean;
}

/** What was found for a fingerprint. */
export type Lookup =
  | { readonly kind: 'none' }
  /** There is a result, and what it made is not what it was: why, for people. */
  | { readonly kind: 'broken'; readonly why: string }
  | {
      readonly kind: 'found';
      readonly source: FoundResult;
      readonly value: Value | undefined;
      /** Temporary outputs whose files are gone: what they held is known. */
      readonly gone: readonly string[];
    };

export interface ResultsOptions {
  /** Absent: there are no earlier results. */
  readonly store: Store | undefined;
  readonly clock: Clock;
  /** The store's directory, absolute; where relative places of outputs start. */
  readonly directory: string;
  /** The project's directory, absolute. */
  readonly project: string;
}

/** By name. */
type Outputs = readonly (readonly [string, CommandOutput])[];

const NONE: Lookup = { kind: 'none' };
const NO_OUTPUTS: Outputs = [];
const NOTHING_GONE: readonly string[] = [];
/** So many earlier results of a fingerprint are looked at, latest first. */
const TRIED = 3;
const EMPTY_SET: ReadonlySet<string> = new Set();

/** What earlier results there are, and whether they can still be taken. */
export class Results {
  readonly code: CodeBook;
  readonly files: FileHashes;
  readonly project: string;
  readonly directory: string;
  readonly #store: Store | undefined;
  readonly #images: ImageDigests;

  constructor({ store, clock, directory, project }: ResultsOptions) {
    this.#store = store;
    this.project = project;
    this.directory = directory;
    this.code = new CodeBook(store?.fingerprints);
    this.files = new FileHashes(clock, store?.fingerprints);
    this.#images = new ImageDigests({ clock, project, directory });
  }

  /** Describes jobs whose inputs are known; undefined where a fingerprint can't be had. */
  async describe(tasks: readonly TaskWithInputs[]): Promise<readonly (Described | undefined)[]> {
    const placeless = tasks.map((task) => this.#placeless(task));
    const paths = new Set<string>();
    for (const each of placeless) for (const path of each?.userFiles ?? []) paths.add(this.#userPath(path));
    const hashes = await this.#hashesAt(paths);
    const hashOf = (path: string): string | undefined => hashes.get(this.#userPath(path));
    const context = { code: this.code, hashOf };
    const images = tasks.some(({ definition }) => isContained(definition))
      ? await Promise.all(tasks.map((task) => this.imageOf(task)))
      : [];
    return tasks.map((task, i) => {
      const each = placeless[i];
      return each === undefined ? undefined : describeTask({ ...task, imageDigest: images[i] }, each, context);
    });
  }

  /** Digest of the image a job runs in; undefined where it runs in none, or that can't be known here. */
  async imageOf({ definition, run }: Pick<TaskWithInputs, 'definition' | 'run'>): Promise<string | undefined> {
    const { container } = definition;
    return container === undefined || container.image === '' ? undefined : this.#images.of(container, run);
  }

  /** sha256 of the user's files, by their absolute path. */
  async #hashesAt(paths: ReadonlySet<string>): Promise<ReadonlyMap<string, string>> {
    const hashes = new Map<string, string>();
    const asked = [...paths].map((path) => ({ path }));
    for (const [i, file] of (await this.files.at(asked)).entries())
      if (file.kind === 'file') hashes.set((asked[i] as { path: string }).path, file.sha256);
    return hashes;
  }

  /** Files of other jobs that a job takes; undefined when its work can't be rendered. */
  usesOf(task: TaskWithInputs): Placeless['uses'] | undefined {
    return this.#placeless(task)?.uses;
  }

  /** Finds earlier results. Of a run itself none is taken. */
  async lookup(wanted: readonly Wanted[], except?: RunId): Promise<readonly Lookup[]> {
    const answers: Lookup[] = wanted.map(() => NONE);
    let open = wanted.map((_, i) => i);
    for (let skip = 0; skip < TRIED && open.length > 0; skip += 1) {
      const fingerprints = open.map((i) => (wanted[i] as Wanted).fingerprint);
      const found =
        (await this.#store?.fingerprints?.find(fingerprints, { skip, ...(except === undefined ? {} : { except }) })) ??
        [];
      const there = open.filter((_, n) => found[n] !== undefined);
      const sources = found.filter((each) => each !== undefined);
      const judged = await this.#judge(
        there.map((i) => wanted[i] as Wanted),
        sources,
      );
      for (const [n, i] of there.entries()) {
        const answer = judged[n] as Lookup;
        // What is said of the latest stands, unless an older one can be taken.
        if (answer.kind === 'found' || answers[i] === NONE) answers[i] = answer;
      }
      open = there.filter((i) => answers[i]?.kind !== 'found');
    }
    return answers;
  }

  /** Where an output lies. */
  placeOf({ at }: Pick<CommandOutput, 'at'>): string {
    return isAbsolute(at) ? at : `${this.directory}/${at}`;
  }

  #placeless(task: TaskWithInputs): Placeless | undefined {
    try {
      return withoutPlaces(task, { value: task.value, project: this.project });
    } catch {
      // Its template does not fit its inputs: it says so itself when it starts.
      return undefined;
    }
  }

  #userPath(path: string): string {
    return resolve(this.project, path);
  }

  /** Whether what was found can be taken: its files are what they were. */
  async #judge(wanted: readonly Wanted[], sources: readonly FoundResult[]): Promise<readonly Lookup[]> {
    if (sources.length === 0) return [];
    const untouched = await this.#untouched(wanted, sources);
    const touched = [...sources.keys()].filter((i) => untouched[i] !== true);
    // Before the values: whoever is run again meanwhile is put again too.
    const rows = touched.length === 0 ? [] : await this.#rowsOf(touched.map((i) => sources[i] as FoundResult));
    const values = await readBy(sources, (run, jobs) => this.#store?.values(run, jobs), {
      only: (i) => wanted[i]?.withoutValue !== true || untouched[i] !== true,
    });
    const answers = sources.map(
      (source, i): Lookup => ({ kind: 'found', source, value: values[i], gone: NOTHING_GONE }),
    );
    if (touched.length > 0) await this.#lookAt(touched, { wanted, rows, answers });
    return answers;
  }

  /** Whose files are in the state that is kept of them. */
  async #untouched(wanted: readonly Wanted[], sources: readonly FoundResult[]): Promise<readonly boolean[]> {
    const states = await readBy(sources, (run, jobs) => this.#store?.fingerprints?.outputStates(run, jobs), {
      only: (i) => wanted[i]?.withoutFiles !== true,
    });
    const placeOf = (at: string): string => this.placeOf({ at });
    return wanted.map(({ withoutFiles }, i) => {
      const state = states[i];
      return withoutFiles === true || (state !== undefined && areUntouched(state, placeOf));
    });
  }

  #rowsOf(sources: readonly FoundResult[]): Promise<readonly (FingerprintRow | undefined)[]> {
    return readBy(sources, (run, jobs) => this.#store?.fingerprints?.of(run, jobs));
  }

  /** Looks at the files of some that were found, one by one; and keeps the state of those that hold what they held. */
  async #lookAt(
    touched: readonly number[],
    {
      wanted,
      rows,
      answers,
    }: {
      readonly wanted: readonly Wanted[];
      readonly rows: readonly (FingerprintRow | undefined)[];
      readonly answers: Lookup[];
    },
  ): Promise<void> {
    const found = touched.map((i) => answers[i] as Found);
    const outputs = found.map(({ value }) => outputsOf(value));
    const asked: AskedFile[] = [];
    for (const each of outputs)
      for (const [, output] of each) asked.push({ path: this.placeOf(output), size: output.file.size });
    const files = asked.length === 0 ? [] : await this.files.at(asked);
    const kept: (OutputState & { readonly run: RunId })[] = [];
    let next = 0;
    for (const [n, i] of touched.entries()) {
      const { source, value } = found[n] as Found;
      const own = outputs[n] as Outputs;
      const lie = files.slice(next, (next += own.length));
      answers[i] = judged(source, { value, outputs: own, temporary: (wanted[i] as Wanted).temporary, files: lie });
      const at = rows[n]?.at;
      const state = at === undefined ? undefined : stateText(own, lie);
      if (at !== undefined && state !== undefined) kept.push({ run: source.run, job: source.job, at, state });
    }
    await this.keep(kept);
  }

  /** Keeps the state of outputs that hold what their values say. */
  async keep(states: readonly (OutputState & { readonly run: RunId })[]): Promise<void> {
    for (const [run, list] of Map.groupBy(states, (each) => each.run)) {
      // It saves time later and is never needed: a store that can't be written now is no reason to fail.
      await this.#store?.fingerprints?.keepOutputs(run, list).catch(() => undefined);
    }
  }
}

type Found = Extract<Lookup, { kind: 'found' }>;

/** Reads something of jobs, run by run; of some of them where `only` says so. */
async function readBy<T>(
  sources: readonly FoundResult[],
  read: (run: RunId, jobs: readonly number[]) => Promise<readonly (T | undefined)[]> | undefined,
  { only = () => true }: { readonly only?: (i: number) => boolean } = {},
): Promise<readonly (T | undefined)[]> {
  const byRun = new Map<RunId, number[]>();
  for (const [i, { run }] of sources.entries()) {
    if (!only(i)) continue;
    const positions = byRun.get(run);
    if (positions === undefined) byRun.set(run, [i]);
    else positions.push(i);
  }
  const answers = Array.from<T | undefined>({ length: sources.length });
  for (const [run, positions] of byRun) {
    const found = await read(
      run,
      positions.map((i) => sources[i]?.job as number),
    );
    for (const [n, i] of positions.entries()) answers[i] = found?.[n];
  }
  return answers;
}

/** Whether a result stands whose files were looked at. */
function judged(
  source: FoundResult,
  {
    value,
    outputs,
    temporary,
    files,
  }: {
    readonly value: Value | undefined;
    readonly outputs: Outputs;
    readonly temporary: ReadonlySet<string>;
    readonly files: readonly FoundFile[];
  },
): Lookup {
  let gone = NOTHING_GONE;
  for (const [n, [name, output]] of outputs.entries()) {
    const file = files[n] as FoundFile;
    if (file.kind === 'file' && file.sha256 === output.file.sha256) continue;
    const whose = `its output ${output.file.name}, of ${source.run}/${source.name},`;
    if (file.kind !== 'missing') return { kind: 'broken', why: `${whose} was edited` };
    if (!temporary.has(name)) return { kind: 'broken', why: `${whose} is gone` };
    gone = [...gone, name];
  }
  return { kind: 'found', source, value, gone };
}

/** The state of outputs, all of which hold what they should; undefined where one does not, or is too young to be known again. */
function stateText(outputs: Outputs, files: readonly FoundFile[]): string | undefined {
  const identified: Identified[] = [];
  for (const [n, [, { at, file: made }]] of outputs.entries()) {
    const file = files[n] as FoundFile;
    if (file.kind !== 'file' || file.sha256 !== made.sha256 || file.identity === '') return undefined;
    identified.push({ at, identity: file.identity });
  }
  return identitiesText(identified);
}

/** The outputs of a command's value, by name; none of a call's. */
export function outputsOf(value: Value | undefined): Outputs {
  if (value?.codec !== 'json' || !value.json.startsWith('{"outputs":{"')) return NO_OUTPUTS;
  const { outputs } = JSON.parse(value.json) as Partial<CommandValue>;
  const entries = Object.entries(outputs ?? {});
  return entries.every(([, output]) => typeof output?.at === 'string' && typeof output.file === 'object')
    ? entries
    : NO_OUTPUTS;
}

/** Names of the outputs of a payload that are temporary and nothing else. */
export function temporaryOutputs(payload: string): ReadonlySet<string> {
  if (!payload.includes('"temporary":true')) return EMPTY_SET;
  const { outputs = [] } = JSON.parse(payload) as {
    readonly outputs?: readonly { readonly name: string; readonly temporary?: true; readonly publish?: unknown }[];
  };
  return new Set(
    outputs.filter(({ temporary, publish }) => temporary === true && publish === undefined).map(({ name }) => name),
  );
}
