import { isAbsolute, resolve } from 'node:path';
import type { Clock, CommandOutput, CommandValue, FoundResult, RunId, Store, Value } from '../../model/index.ts';
import { CodeBook } from './code-book.ts';
import { type Described, describeTask, type Placeless, type ReadyTask, withoutPlaces } from './components.ts';
import { type AskedFile, FileHashes, type FoundFile } from './file-hashes.ts';

/** A job whose inputs are known. */
export interface TaskWithInputs extends ReadyTask {
  readonly value: (node: number) => Value | undefined;
}

/** What is asked for: a fingerprint, and which outputs may be gone. */
export interface Wanted {
  readonly fingerprint: string;
  /** Names of outputs that are temporary. */
  readonly temporary: ReadonlySet<string>;
  /** Nobody takes its value, and it has no files. @default false */
  readonly withoutValue?: boolean;
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

  constructor({ store, clock, directory, project }: ResultsOptions) {
    this.#store = store;
    this.project = project;
    this.directory = directory;
    this.code = new CodeBook(store?.fingerprints);
    this.files = new FileHashes(clock, store?.fingerprints);
  }

  /** Describes jobs whose inputs are known; undefined where a fingerprint can't be had. */
  async describe(tasks: readonly TaskWithInputs[]): Promise<readonly (Described | undefined)[]> {
    const placeless = tasks.map((task) => this.#placeless(task));
    const paths = new Set<string>();
    for (const each of placeless) for (const path of each?.userFiles ?? []) paths.add(this.#userPath(path));
    const hashes = await this.#hashesAt(paths);
    const hashOf = (path: string): string | undefined => hashes.get(this.#userPath(path));
    const context = { code: this.code, hashOf };
    return tasks.map((task, i) => {
      const each = placeless[i];
      return each === undefined ? undefined : describeTask(task, each, context);
    });
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
  placeOf({ at }: CommandOutput): string {
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
    const values = await this.#valuesOf(wanted, sources);
    const outputs = values.map(outputsOf);
    const asked: AskedFile[] = [];
    for (const each of outputs)
      for (const [, output] of each) asked.push({ path: this.placeOf(output), size: output.file.size });
    const files = asked.length === 0 ? [] : await this.files.at(asked);
    let next = 0;
    return sources.map((source, i): Lookup => {
      const from = next;
      next += outputs[i]?.length ?? 0;
      return this.#judged(source, {
        value: values[i],
        outputs: outputs[i] ?? [],
        temporary: (wanted[i] as Wanted).temporary,
        fileAt: (n) => files[from + n] as FoundFile,
      });
    });
  }

  #judged(
    source: FoundResult,
    {
      value,
      outputs,
      temporary,
      fileAt,
    }: {
      readonly value: Value | undefined;
      readonly outputs: Outputs;
      readonly temporary: ReadonlySet<string>;
      readonly fileAt: (n: number) => FoundFile;
    },
  ): Lookup {
    let gone = NOTHING_GONE;
    for (const [n, [name, output]] of outputs.entries()) {
      const file = fileAt(n);
      if (file.kind === 'file' && file.sha256 === output.file.sha256) continue;
      const whose = `its output ${output.file.name}, of ${source.run}/${source.name},`;
      if (file.kind !== 'missing') return { kind: 'broken', why: `${whose} was edited` };
      if (!temporary.has(name)) return { kind: 'broken', why: `${whose} is gone` };
      gone = [...gone, name];
    }
    return { kind: 'found', source, value, gone };
  }

  async #valuesOf(wanted: readonly Wanted[], sources: readonly FoundResult[]): Promise<readonly (Value | undefined)[]> {
    const byRun = new Map<RunId, number[]>();
    for (const [i, { run }] of sources.entries()) {
      if (wanted[i]?.withoutValue === true) continue;
      const positions = byRun.get(run);
      if (positions === undefined) byRun.set(run, [i]);
      else positions.push(i);
    }
    const values = Array.from<Value | undefined>({ length: sources.length });
    for (const [run, positions] of byRun) {
      const jobs = positions.map((i) => sources[i]?.job as number);
      const read = await this.#store?.values(run, jobs);
      for (const [n, i] of positions.entries()) values[i] = read?.[n];
    }
    return values;
  }
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
