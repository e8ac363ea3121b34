import {
  type Clock,
  ACCEPT_DONE,
  DATA_EDGE,
  type FingerprintStore,
  type Graph,
  type Store,
  type Value,
} from '../../model/index.ts';
import { describeBase, type Described, isContained, type ReadyTask } from './components.ts';
import { type Compared, Differences } from './differences.ts';
import { GraphNodes } from './graph-nodes.ts';
import { type Lookup, Results, temporaryOutputs } from './results.ts';
import { isMentioned, type Mentions, mentionsIn, resultOf } from './temporary-uses.ts';

/** What becomes of a job when its workflow is run now. */
export interface PlannedJob {
  readonly index: number;
  readonly job: string;
  /**
   * `run` runs, `reuse` takes an earlier result. What `depends` does shows when the job named by `on` is done (or, without
   * one, when its inputs are known): it runs, or takes an earlier result, or, below a branch, is not wanted at all.
   */
  readonly action: 'run' | 'reuse' | 'depends';
  /** Why, in words. */
  readonly because: string;
  readonly on?: string;
  /** Whose result is taken: `RUN/JOB`. */
  readonly from?: string;
}

export interface PlanOptions {
  /** Absent: there are no earlier results. */
  readonly store?: Store;
  readonly clock: Clock;
  /** The store's directory, absolute. */
  readonly directory: string;
  readonly project: string;
  /** As `RunSettings.cache`. */
  readonly cache?: boolean;
  /** Asked about each job that would run and has an earlier result near it: gives the value of one that is to stand for it. */
  readonly bless?: Bless;
}

/** What accepting asks about. Undefined: the job is to run. */
export type Bless = (
  job: {
    readonly name: string;
    readonly task: string;
    readonly described: Described;
    /** Names of its outputs whose files may be gone. */
    readonly temporary: ReadonlySet<string>;
  },
  differences: Differences,
) => Promise<Extract<Lookup, { kind: 'found' }> | undefined>;

interface Verdict {
  action: PlannedJob['action'];
  because: string;
  on?: number;
  from?: string;
  value?: Value | undefined;
  gone?: readonly string[];
  uses?: Described['uses'] | undefined;
}

/** A control node may not choose it: whether it becomes a job at all is not known. */
const IMAGE_UNKNOWN = "which image it runs in can not be known here: name it with its digest, 'name@sha256:...'";
const UNCERTAIN = 'what it becomes is known when its inputs are';
/** Jobs looked at together. */
const BATCH = 1000;

/**
 * Says of each job what becomes of it: every job that `run`s then runs, if what it waits for ends well, and nothing outside
 * of `run` and `depends` does. Given in an order that is possible.
 */
export async function planGraph(graph: Graph, options: PlanOptions): Promise<readonly PlannedJob[]> {
  return new Planning(graph, options).plan();
}

class Planning {
  readonly #nodes: GraphNodes;
  readonly #returned: Mentions;
  readonly #results: Results;
  readonly #store: FingerprintStore | undefined;
  readonly #options: PlanOptions;
  readonly #differences: Differences | undefined;
  readonly #verdicts: (Verdict | undefined)[];
  readonly #bases = new Map<string, ReadonlySet<string>>();
  readonly #order: number[] = [];
  /** Jobs that have an edge from each. */
  readonly #next: number[][] = [];
  /** Jobs that may not be wanted at all. */
  readonly #uncertain = new Set<number>();

  constructor(graph: Graph, options: PlanOptions) {
    const { store, clock, directory, project } = options;
    this.#options = options;
    this.#nodes = new GraphNodes([graph]);
    this.#returned = mentionsIn(resultOf([graph]), new Map());
    this.#store = store?.fingerprints;
    this.#results = new Results({ store, clock, directory, project });
    this.#differences = this.#store === undefined ? undefined : new Differences(this.#store, this.#results.code);
    this.#verdicts = Array.from({ length: graph.size });
  }

  async plan(): Promise<readonly PlannedJob[]> {
    for (const wave of this.#waves()) {
      for (let from = 0; from < wave.length; from += BATCH) await this.#judge(wave.slice(from, from + BATCH));
    }
    this.#needTemporaries();
    return this.#order.map((index) => this.#planned(index));
  }

  #planned(index: number): PlannedJob {
    const { action, because, on, from } = this.#verdicts[index] as Verdict;
    return {
      index,
      job: this.#nodes.name(index),
      action,
      because,
      ...(on === undefined ? {} : { on: this.#nodes.name(on) }),
      ...(from === undefined ? {} : { from }),
    };
  }

  /** Jobs by when they can be judged: all that they wait for has been. Kahn's algorithm, a layer at a time. */
  *#waves(): Generator<readonly number[]> {
    const waits = new Int32Array(this.#nodes.size);
    let wave: number[] = [];
    for (let index = 0; index < this.#nodes.size; index += 1) {
      this.#nodes.eachUpstream(index, (from) => {
        waits[index] = (waits[index] as number) + 1;
        (this.#next[from] ??= []).push(index);
      });
      if (waits[index] === 0) wave.push(index);
    }
    while (wave.length > 0) {
      this.#order.push(...wave);
      yield wave;
      const after: number[] = [];
      for (const index of wave) {
        for (const to of this.#next[index] ?? []) {
          waits[to] = (waits[to] as number) - 1;
          if (waits[to] === 0) after.push(to);
        }
      }
      wave = after;
    }
  }

  async #judge(wave: readonly number[]): Promise<void> {
    const known: number[] = [];
    for (const index of wave) {
      const verdict = this.#judgeEdges(index) ?? (this.#isReusable(index) ? undefined : this.#plain(index));
      if (verdict !== undefined) this.#verdicts[index] = verdict;
      else if (this.#unknownNeed(index) === undefined) known.push(index);
      else this.#verdicts[index] = await this.#judgeBase(index);
    }
    if (known.length > 0) await this.#judgeKnown(known);
  }

  /** What its edges decide alone. */
  #judgeEdges(index: number): Verdict | undefined {
    if (this.#nodes.definition(index).kind === 'control') {
      this.#uncertain.add(index);
      return { action: 'depends', because: UNCERTAIN };
    }
    let verdict: Verdict | undefined;
    this.#nodes.eachUpstream(index, (from, accept) => {
      if (accept === DATA_EDGE && this.#uncertain.has(from)) {
        this.#uncertain.add(index);
        verdict ??= { action: 'depends', because: `depends on ${this.#nodes.name(from)}`, on: from };
      } else if (accept !== DATA_EDGE && (accept & ACCEPT_DONE) === 0) {
        // It runs when the other one does not end well, which nobody can know.
        this.#uncertain.add(index);
        verdict ??= { action: 'depends', because: `depends on how ${this.#nodes.name(from)} ends`, on: from };
      }
    });
    return verdict;
  }

  #isReusable(index: number): boolean {
    return (this.#options.cache ?? this.#nodes.definition(index).cache) === true;
  }

  #plain(index: number): Verdict {
    const verdict: Verdict = { action: 'run', because: 'cache is off for it' };
    const { definition, payload, needs } = this.#nodes.node(index);
    // Which files it takes matters where one of them may be gone.
    if (needs.some((need) => (this.#verdicts[need]?.gone?.length ?? 0) > 0) && this.#unknownNeed(index) === undefined)
      verdict.uses = this.#results.usesOf({ definition, payload, value: (node) => this.#verdicts[node]?.value });
    return verdict;
  }

  /** A job it takes the value of, whose value is not known. */
  #unknownNeed(index: number): number | undefined {
    return this.#nodes.needs(index).find((need) => this.#verdicts[need]?.action !== 'reuse');
  }

  /** Some of its inputs are still to be made: unless no earlier result can be its own, nobody knows. */
  async #judgeBase(index: number): Promise<Verdict> {
    const { definition, payload, name } = this.#nodes.node(index);
    const need = this.#unknownNeed(index) as number;
    const imageDigest = await this.#results.imageOf({ definition });
    const what = describeBase({ definition, payload, imageDigest }, this.#results.code, this.#results.project);
    if (what === undefined)
      return { action: 'run', because: isContained(definition) ? IMAGE_UNKNOWN : 'what its code is can not be known' };
    const bases = await this.#basesOf(definition.name);
    if (bases.has(what.base)) return { action: 'depends', because: `depends on ${this.#nodes.name(need)}`, on: need };
    const job = { task: definition.name, name, fingerprint: '', components: what.components, isPartial: true } as const;
    return { action: 'run', because: bases.size === 0 ? 'no earlier result' : await this.#why(job) };
  }

  async #basesOf(task: string): Promise<ReadonlySet<string>> {
    const known = this.#bases.get(task);
    if (known !== undefined) return known;
    const bases = new Set(await this.#store?.bases(task));
    this.#bases.set(task, bases);
    return bases;
  }

  async #judgeKnown(indices: readonly number[]): Promise<void> {
    const value = (node: number): Value | undefined => this.#verdicts[node]?.value;
    const tasks = indices.map((index) => ({
      definition: this.#nodes.definition(index),
      payload: this.#nodes.payload(index),
      value,
    }));
    const described = await this.#results.describe(tasks);
    const asked = indices.flatMap((index, i) => (described[i] === undefined ? [] : [{ index, i, what: described[i] }]));
    const found = await this.#results.lookup(
      asked.map(({ index, what }) => ({
        fingerprint: what.fingerprint,
        temporary: this.#mayBeGone(index),
        withoutValue: this.#next[index] === undefined,
        withoutFiles: this.#nodes.definition(index).kind === 'call',
      })),
    );
    for (const [i, index] of indices.entries())
      if (described[i] === undefined)
        this.#verdicts[index] = { action: 'run', because: unknownIn(this.#nodes.definition(index)) };
    for (const [n, { index, what }] of asked.entries())
      this.#verdicts[index] = await this.#judgeFound(index, what, found[n] as Lookup);
  }

  async #judgeFound(index: number, described: Described, lookup: Lookup): Promise<Verdict> {
    if (lookup.kind === 'found') return reused(lookup, described);
    const differences = this.#differences;
    const { name, definition } = this.#nodes.node(index);
    const job = { name, task: definition.name, described, temporary: this.#mayBeGone(index) };
    const blessed = differences === undefined ? undefined : await this.#options.bless?.(job, differences);
    if (blessed !== undefined) return reused(blessed, described);
    const because = lookup.kind === 'broken' ? lookup.why : await this.#why({ ...job, ...described });
    return { action: 'run', because, uses: described.uses };
  }

  /** Names of its temporary outputs, but for those that the workflow returns. */
  #mayBeGone(index: number): ReadonlySet<string> {
    const names = temporaryOutputs(this.#nodes.payload(index));
    if (names.size === 0) return names;
    return new Set([...names].filter((name) => !isMentioned(this.#returned, index, name)));
  }

  async #why(job: Compared): Promise<string> {
    const differences = this.#differences;
    return differences === undefined ? 'no earlier result' : differences.say(job, await differences.nearest(job));
  }

  /** Temporary files that are gone are made again for who runs and takes them: to a fixed point, since that only grows. */
  #needTemporaries(): void {
    const stack = this.#order.filter((index) => this.#verdicts[index]?.action !== 'reuse');
    const after = this.#takers();
    for (let index = stack.pop(); index !== undefined; index = stack.pop()) {
      const verdict = this.#verdicts[index] as Verdict;
      for (const need of this.#nodes.needs(index)) {
        const upstream = this.#verdicts[need] as Verdict;
        if (!this.#mayNeed(verdict, need)) continue;
        // Which files it takes is only known where its inputs are.
        const action = verdict.action === 'run' && verdict.uses !== undefined ? 'run' : 'depends';
        if (upstream.action === 'run' || upstream.action === action) continue;
        const name = this.#nodes.name(index);
        const because =
          action === 'run' ? `a temporary output of it is needed again, by ${name}` : `depends on ${name}`;
        this.#verdicts[need] = { ...upstream, action, because, ...(action === 'run' ? {} : { on: index }) };
        stack.push(need);
      }
      // What it makes now may not be what it made then.
      for (const taker of after.get(index) ?? []) {
        const taken = this.#verdicts[taker] as Verdict;
        if (taken.action !== 'reuse') continue;
        this.#verdicts[taker] = {
          ...taken,
          action: 'depends',
          because: `depends on ${this.#nodes.name(index)}`,
          on: index,
        };
        stack.push(taker);
      }
    }
  }

  /** Whether a job may take a file of another that is gone. */
  #mayNeed({ uses }: Verdict, need: number): boolean {
    const { gone = [] } = this.#verdicts[need] as Verdict;
    return (
      gone.length > 0 && (uses === undefined || uses.some(({ node, output }) => node === need && gone.includes(output)))
    );
  }

  /** Reusable jobs that take the value of a job. */
  #takers(): ReadonlyMap<number, readonly number[]> {
    const takers = new Map<number, number[]>();
    for (const index of this.#order) {
      for (const need of this.#nodes.needs(index)) {
        const list = takers.get(need);
        if (list === undefined) takers.set(need, [index]);
        else list.push(index);
      }
    }
    return takers;
  }
}

function reused({ source, value, gone }: Extract<Lookup, { kind: 'found' }>, { uses }: Described): Verdict {
  const from = `${source.run}/${source.name}`;
  return { action: 'reuse', because: `it is what ${from} was`, from, value, gone, uses };
}

function unknownIn(definition: ReadyTask['definition']): string {
  return isContained(definition) ? IMAGE_UNKNOWN : 'what its code or its inputs are can not be known';
}
