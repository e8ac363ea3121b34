import { hash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { EngineApi, ReadyJob, Reuse, ReuseAnswer } from '../../engine/index.ts';
import { claimPublished, publishFile } from '../../files/index.ts';
import {
  asJobId,
  type Clock,
  type CommandOutput,
  type EngineEvent,
  type FingerprintRow,
  type FingerprintStore,
  type OutputSpec,
  type OutputState,
  resolveWork,
  type RunId,
  type Store,
  type Value,
} from '../../model/index.ts';
import { safeName } from '../attempt-directory.ts';
import type { Described } from './components.ts';
import { identitiesText } from './file-identity.ts';
import { isGoing } from './going-files.ts';
import { GraphNodes } from './graph-nodes.ts';
import { type Lookup, outputsOf, Results, type TaskWithInputs, temporaryOutputs } from './results.ts';
import { TemporaryFiles } from './temporary-files.ts';

type JobEvent = Extract<EngineEvent, { kind: 'job' }>;

/** Outputs of a job that is done, as they were collected. */
interface MadeOutputs extends Omit<OutputState, 'state'> {
  readonly run: RunId;
  readonly outputs: readonly CommandOutput[];
  /** Epoch milliseconds: read not before. */
  readonly readAt: number;
}

export interface ReuserOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly directory: string;
  readonly project: string;
  /** The engine, once it is there: what it tells decides what is known of results. */
  readonly engine: () => EngineApi;
}

/**
 * Answers for the engine whether earlier results stand for jobs, and writes down what jobs were made of.
 *
 * A job's fingerprint is put before it starts, and sealed after its end has been committed, when it is still what it was:
 * so code or an input that was changed while the job ran is never taken for what made the result. What a crash leaves
 * unsealed runs again.
 */
export class Reuser {
  readonly results: Results;
  readonly #fingerprints: FingerprintStore | undefined;
  readonly #options: ReuserOptions;
  readonly #temporaries: TemporaryFiles;
  /** Jobs that were told to run, until they have ended, by run. */
  readonly #running = new Map<RunId, Map<number, ReadyJob>>();
  /** For whose sake jobs are run again. */
  readonly #neededBy = new Map<string, string>();
  #ended: { readonly event: JobEvent; readonly job: ReadyJob }[] = [];
  /** Outputs too young to be remembered yet. Those that are left at the end are read again when they are next looked at. */
  #young: readonly MadeOutputs[] = [];
  #work: Promise<void> = Promise.resolve();
  #listens = false;

  constructor(options: ReuserOptions) {
    const { store, clock, directory, project } = options;
    this.#options = options;
    this.#fingerprints = store.fingerprints;
    this.results = new Results({ store, clock, directory, project });
    this.#temporaries = new TemporaryFiles({ store, clock, results: this.results });
  }

  /** As the engine wants it. */
  readonly reuse: Reuse = async (jobs) => {
    this.#listen();
    this.results.code.renew();
    await this.#watch(jobs);
    const tasks = await this.#tasksOf(jobs);
    const described = await this.#describe(jobs, tasks);
    const found = await this.#lookup(jobs, described);
    const answers: ReuseAnswer[] = [];
    for (const [i, job] of jobs.entries())
      answers.push(
        await this.#answer(job, { task: tasks[i] as TaskWithInputs, described: described[i], lookup: found[i] }),
      );
    await this.#put(jobs, { described, found, answers });
    for (const [i, job] of jobs.entries()) if (answers[i]?.kind === 'run' && job.isReusable) this.#noteRunning(job);
    return answers;
  };

  /** Before a run is taken over from another engine: what that one told to run may end now. */
  async adopt(run: RunId): Promise<void> {
    if ((await this.#fingerprints?.has(run)) !== true) return;
    const running: number[] = [];
    for await (const rows of this.#options.store.unfinished(run))
      for (const row of rows) if (row.status === 'running') running.push(row.job);
    const rows = (await this.#fingerprints?.of(run, running)) ?? [];
    const nodes = new GraphNodes(await this.#options.store.graph(run));
    for (const row of rows) if (row !== undefined) this.#noteRunning(readyJob(run, row, nodes));
    await this.#temporaries.watch(run);
    this.#listen();
  }

  /** Resolves when all that has ended so far is written down, and files nobody needs are gone. */
  async settled(): Promise<void> {
    for (let work = this.#work; ; work = this.#work) {
      await work;
      if (work === this.#work) return;
    }
  }

  #listen(): void {
    if (this.#listens) return;
    this.#listens = true;
    this.#options.engine().listen((events) => this.#hear(events));
  }

  /** Before one of them has run: who makes temporary files, and who takes them. */
  async #watch(jobs: readonly ReadyJob[]): Promise<void> {
    const latest = new Map<RunId, number>();
    for (const { run, index, temporaries, definition } of jobs)
      if (temporaries.length > 0 || definition.temporary === true)
        latest.set(run, Math.max(index, latest.get(run) ?? 0));
    for (const [run, index] of latest) await this.#temporaries.watch(run, index);
  }

  /** What a job is made of matters where its result may be taken, now or later, and where it takes what may be gone. */
  async #describe(
    jobs: readonly ReadyJob[],
    tasks: readonly TaskWithInputs[],
  ): Promise<readonly (Described | undefined)[]> {
    const matters = jobs.map(({ isReusable, temporaries }) => isReusable || temporaries.length > 0);
    const described = await this.results.describe(tasks.filter((_, i) => matters[i]));
    let next = 0;
    return matters.map((each) => (each ? described[next++] : undefined));
  }

  async #tasksOf(jobs: readonly ReadyJob[]): Promise<readonly TaskWithInputs[]> {
    const values = await this.#valuesFor(jobs);
    return jobs.map(({ run, definition, payload }) => ({
      run,
      definition,
      payload,
      value: (node) => values.get(run)?.get(node),
    }));
  }

  async #valuesFor(jobs: readonly ReadyJob[]): Promise<ReadonlyMap<RunId, ReadonlyMap<number, Value | undefined>>> {
    const wanted = new Map<RunId, Set<number>>();
    for (const { run, needs } of jobs) {
      if (needs.length === 0) continue;
      const nodes = wanted.get(run) ?? new Set<number>();
      wanted.set(run, nodes);
      for (const node of needs) nodes.add(node);
    }
    const values = new Map<RunId, ReadonlyMap<number, Value | undefined>>();
    for (const [run, nodes] of wanted) {
      const list = [...nodes];
      const read = await this.#options.store.values(run, list);
      values.set(run, new Map(list.map((node, i) => [node, read[i]])));
    }
    return values;
  }

  async #lookup(
    jobs: readonly ReadyJob[],
    described: readonly (Described | undefined)[],
  ): Promise<readonly (Lookup | undefined)[]> {
    const found: (Lookup | undefined)[] = jobs.map(() => undefined);
    // Nearly always all jobs are of one run.
    for (const [run, positions] of Map.groupBy(jobs.keys(), (i) => (jobs[i] as ReadyJob).run)) {
      const asked = positions.filter((i) => jobs[i]?.mayReuse === true && described[i] !== undefined);
      const lookups = await this.results.lookup(
        asked.map((i) => ({
          fingerprint: (described[i] as Described).fingerprint,
          temporary: this.#temporaries.mayBeGone(jobs[i] as ReadyJob),
          withoutFiles: jobs[i]?.definition.kind === 'call',
        })),
        run,
      );
      for (const [n, i] of asked.entries()) found[i] = lookups[n];
    }
    return found;
  }

  async #answer(
    job: ReadyJob,
    {
      task,
      described,
      lookup,
    }: {
      readonly task: TaskWithInputs;
      readonly described: Described | undefined;
      readonly lookup: Lookup | undefined;
    },
  ): Promise<ReuseAnswer> {
    if (lookup?.kind === 'found') {
      // What can't be published fails as it did then: when it runs.
      const isThere = await this.#publish(job, task, lookup.value).then(
        () => true,
        () => false,
      );
      return isThere ? { kind: 'done', value: lookup.value } : { kind: 'run' };
    }
    if (job.temporaries.length === 0 || described === undefined) return { kind: 'run' };
    const missing = await this.#missing(job, described);
    if (missing.length === 0) return { kind: 'run' };
    for (const node of missing) this.#neededBy.set(`${job.run}/${node}`, job.job);
    return { kind: 'first', jobs: missing };
  }

  /** Jobs that made temporary files this one takes and that are gone. */
  async #missing(job: ReadyJob, { uses }: Described): Promise<readonly number[]> {
    const nodes = job.temporaries.filter((node) => uses.some((use) => use.node === node));
    const values = await this.#options.store.values(job.run, nodes);
    return nodes.filter((node, n) => {
      const temporary = temporaryOutputs(job.payloadOf(node));
      return outputsOf(values[n]).some(
        ([name, output]) =>
          temporary.has(name) &&
          uses.some((use) => use.node === node && use.output === name) &&
          isGoing(this.results.placeOf(output)),
      );
    });
  }

  /** What is published must lie where people look also when nothing ran: under a new path, or after it was removed. */
  async #publish(job: ReadyJob, task: TaskWithInputs, value: Value | undefined): Promise<void> {
    if (!job.payload.includes('"publish"')) return;
    const { project, directory } = this.#options;
    const { payload, value: valueOf } = task;
    const work = resolveWork({ kind: 'command', payload, environment: undefined, value: valueOf }, project);
    const specs: readonly OutputSpec[] = work.kind === 'command' ? work.outputs : [];
    const outputs = new Map<string, CommandOutput>(outputsOf(value));
    const root = join(project, 'results');
    const publisher = { folder: join(directory, 'work', job.run), job: `${safeName(job.job)}-${job.index}` };
    claimPublished(
      publisher,
      specs.flatMap(({ publish }) => publish ?? []),
    );
    for (const { name, publish } of specs) {
      const output = outputs.get(name);
      if (publish === undefined || output === undefined) continue;
      if (isThere(join(root, publish), output)) continue;
      await publishFile(this.results.placeOf(output), { root, path: publish, tag: `${job.run}-${job.index}` });
    }
  }

  async #put(
    jobs: readonly ReadyJob[],
    {
      described,
      found,
      answers,
    }: {
      readonly described: readonly (Described | undefined)[];
      readonly found: readonly (Lookup | undefined)[];
      readonly answers: readonly ReuseAnswer[];
    },
  ): Promise<void> {
    const at = this.#options.clock.now().wall;
    const rows = new Map<RunId, FingerprintRow[]>();
    for (const [i, job] of jobs.entries()) {
      const what = described[i];
      if (!job.isReusable || what === undefined || answers[i]?.kind === 'first') continue;
      const lookup = found[i];
      const source = lookup?.kind === 'found' && answers[i]?.kind === 'done' ? lookup.source : undefined;
      const row: FingerprintRow = {
        job: job.index,
        name: job.job,
        task: job.definition.name,
        fingerprint: what.fingerprint,
        base: what.base,
        components: source === undefined ? what.components : '',
        fromRun: source?.run ?? '',
        fromJob: source?.job ?? 0,
        note: lookup?.kind === 'broken' ? lookup.why : this.#whyAgain(job),
        at,
      };
      const list = rows.get(job.run);
      if (list === undefined) rows.set(job.run, [row]);
      else list.push(row);
    }
    await this.results.code.write();
    for (const [run, list] of rows) await this.#fingerprints?.put(run, list);
  }

  #whyAgain(job: ReadyJob): string {
    if (job.mayReuse) return '';
    const key = `${job.run}/${job.index}`;
    const by = this.#neededBy.get(key);
    this.#neededBy.delete(key);
    return by === undefined ? 'it was asked to run again' : `a temporary output of it is needed again, by ${by}`;
  }

  #noteRunning(job: ReadyJob): void {
    let jobs = this.#running.get(job.run);
    if (jobs === undefined) this.#running.set(job.run, (jobs = new Map()));
    jobs.set(job.index, job);
  }

  #hear(events: readonly EngineEvent[]): void {
    const before = this.#ended.length;
    for (const event of events) {
      if (event.kind === 'job') this.#hearJob(event);
      this.#temporaries.hear(event);
    }
    if (this.#ended.length > before || this.#temporaries.hasWork) this.#work = this.#work.then(() => this.#writeDown());
  }

  #hearJob(event: JobEvent): void {
    if (event.status !== 'done' || event.from !== 'running') return;
    const jobs = this.#running.get(event.run);
    const job = jobs?.get(event.index);
    jobs?.delete(event.index);
    if (job !== undefined) this.#ended.push({ event, job });
  }

  /** What goes wrong here costs time later, and fails nothing: the jobs are done. */
  async #writeDown(): Promise<void> {
    const ended = this.#ended;
    this.#ended = [];
    try {
      if (ended.length > 0) await this.#seal(ended);
      await this.#temporaries.work();
    } catch {
      // The store is full, or closed: these results will not be found, and their jobs run again.
    }
  }

  /** Lets results be found whose jobs are still made of what they were made of when they were started. */
  async #seal(ended: readonly { readonly event: JobEvent; readonly job: ReadyJob }[]): Promise<void> {
    this.results.code.renew();
    const now = await this.results.describe(await this.#tasksOf(ended.map(({ job }) => job)));
    const made: MadeOutputs[] = [];
    for (const [run, positions] of Map.groupBy(ended.keys(), (i) => (ended[i] as { job: ReadyJob }).job.run)) {
      const rows = await this.#fingerprints?.of(
        run,
        positions.map((i) => ended[i]?.job.index as number),
      );
      const seals: Pick<FingerprintRow, 'job' | 'fingerprint'>[] = [];
      for (const [n, i] of positions.entries()) {
        const row = rows?.[n];
        if (row === undefined || row.fingerprint !== now[i]?.fingerprint) continue;
        seals.push({ job: row.job, fingerprint: row.fingerprint });
        const { outcome, at } = (ended[i] as { event: JobEvent }).event;
        const outputs = outcome?.kind === 'ok' ? outputsOf(outcome.value).map(([, output]) => output) : [];
        if (outputs.length > 0) made.push({ run, job: row.job, at: row.at, readAt: at, outputs });
      }
      await this.#fingerprints?.seal(run, seals);
    }
    await this.#learn(made);
  }

  /** Outputs have just been read, by whoever collected them: most need not be read again the next time. */
  async #learn(made: readonly MadeOutputs[]): Promise<void> {
    const young: MadeOutputs[] = [];
    const states: (OutputState & { readonly run: RunId })[] = [];
    for (const each of [...this.#young, ...made]) {
      const { run, job, at, readAt, outputs } = each;
      const found = outputs.map((output) =>
        this.results.files.identify({ path: this.results.placeOf(output), size: output.file.size, readAt }),
      );
      if (found.includes('changed')) continue;
      const identified = found.flatMap((file, i) =>
        typeof file === 'string' ? [] : [{ at: (outputs[i] as CommandOutput).at, ...file }],
      );
      const state = identified.length < outputs.length ? undefined : identitiesText(identified);
      if (state !== undefined) states.push({ run, job, at, state });
      else if (found.includes('young')) young.push(each);
    }
    this.#young = young;
    await this.results.keep(states);
  }
}

function readyJob(run: RunId, { job, name }: FingerprintRow, nodes: GraphNodes): ReadyJob {
  const { definition, payload, needs } = nodes.node(job);
  return {
    ...{ run, job: asJobId(name), index: job, payload, definition, needs },
    temporaries: [],
    payloadOf: (node) => nodes.payload(node),
    isReusable: true,
    mayReuse: false,
  };
}

/** Whether a published file is what it should be. Looked into only where the size is right. */
function isThere(path: string, { file }: CommandOutput): boolean {
  const there = statSync(path, { throwIfNoEntry: false });
  if (there?.isFile() !== true || there.size !== file.size) return false;
  return hash('sha256', readFileSync(path)) === file.sha256;
}
