import { isAbsolute, resolve } from 'node:path';
import type { Clock, CommandOutput, CommandValue, FoundResult, RunId, Store, Value } from '../../model/index.ts';
import { CodeBook } from './code-book.ts';
import { type Described, describeTask, type Placeless, type ReadyTask, withoutPlaces } from './components.ts';
import { FileHashes } from './file-hashes.ts';

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

const NONE: Lookup = { kind: 'none' };
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
    const found = paths.size === 0 ? undefined : await this.files.at(paths);
    const hashOf = (path: string): string | undefined => {
      const file = found?.get(this.#userPath(path));
      return file?.kind === 'file' ? file.sha256 : undefined;
    };
    const context = { code: this.code, hashOf };
    return tasks.map((task, i) => {
      const each = placeless[i];
      return each === undefined ? undefined : describeTask(task, each, context);
    });
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
      const there = open.flatMap((i, n) => (found[n] === undefined ? [] : [{ i, source: found[n] as FoundResult }]));
      const judged = await this.#judge(there.map(({ i, source }) => ({ ...(wanted[i] as Wanted), source })));
      for (const [n, { i }] of there.entries()) {
        const answer = judged[n] as Lookup;
        // What is said of the latest stands, unless an older one can be taken.
        if (answer.kind === 'found' || answers[i] === NONE) answers[i] = answer;
      }
      open = there.flatMap(({ i }) => (answers[i]?.kind === 'found' ? [] : [i]));
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

  async #judge(found: readonly (Wanted & { readonly source: FoundResult })[]): Promise<readonly Lookup[]> {
    if (found.length === 0) return [];
    const values = await this.#valuesOf(found);
    const outputs = values.map((value) => outputsOf(value));
    const sizes = new Map<string, number>();
    for (const each of outputs) for (const [, output] of each) sizes.set(this.placeOf(output), output.file.size);
    const files =
      sizes.size === 0 ? new Map<string, never>() : await this.files.at(sizes.keys(), (path) => sizes.get(path));
    return found.map(({ source, temporary }, i): Lookup => {
      const gone: string[] = [];
      for (const [name, output] of outputs[i] ?? []) {
        const file = files.get(this.placeOf(output));
        const whose = `its output ${output.file.name}, of ${source.run}/${source.name},`;
        if (file === undefined || file.kind === 'missing') {
          if (!temporary.has(name)) return { kind: 'broken', why: `${whose} is gone` };
          gone.push(name);
        } else if (file.kind === 'unknown' || file.sha256 !== output.file.sha256) {
          return { kind: 'broken', why: `${whose} was edited` };
        }
      }
      return { kind: 'found', source, value: values[i], gone };
    });
  }

  async #valuesOf(
    found: readonly (Wanted & { readonly source: FoundResult })[],
  ): Promise<readonly (Value | undefined)[]> {
    const byRun = new Map<RunId, number[]>();
    for (const [i, { source, withoutValue }] of found.entries()) {
      if (withoutValue === true) continue;
      const positions = byRun.get(source.run);
      if (positions === undefined) byRun.set(source.run, [i]);
      else positions.push(i);
    }
    const values = Array.from<Value | undefined>({ length: found.length });
    for (const [run, positions] of byRun) {
      const jobs = positions.map((i) => found[i]?.source.job as number);
      const read = await this.#store?.values(run, jobs);
      for (const [n, i] of positions.entries()) values[i] = read?.[n];
    }
    return values;
  }
}

/** The outputs of a command's value, by name; none of a call's. */
export function outputsOf(value: Value | undefined): readonly (readonly [string, CommandOutput])[] {
  if (value?.codec !== 'json' || !value.json.startsWith('{"outputs":{"')) return [];
  const { outputs } = JSON.parse(value.json) as Partial<CommandValue>;
  const entries = Object.entries(outputs ?? {});
  return entries.every(([, output]) => typeof output?.at === 'string' && typeof output.file === 'object')
    ? entries
    : [];
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
