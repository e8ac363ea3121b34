import { rmSync } from 'node:fs';
import { join, sep } from 'node:path';
import { DATA_EDGE, type EngineEvent, type Json, type RunId, type Store } from '../../model/index.ts';
import { GraphNodes } from './graph-nodes.ts';
import { outputsOf, type Results, temporaryOutputs } from './results.ts';

/** One run that makes temporary files. */
interface Watched {
  readonly nodes: GraphNodes;
  /** Which jobs still need what a job made. */
  readonly waiting: Map<number, Set<number>>;
  /** Temporary jobs that each job takes. */
  readonly takenBy: Map<number, number[]>;
  /** What the workflow returns, or may come to need, is kept while the run goes. */
  readonly kept: ReadonlySet<number>;
}

/**
 * Deletes files that are marked temporary as soon as all jobs that take them are done. What they held stays known: the
 * value of the job has their hashes and sizes, so nothing that has been made of them is made again. Only files of the run
 * itself are touched.
 */
export class TemporaryFiles {
  readonly #store: Store;
  readonly #results: Results;
  readonly #runs = new Map<RunId, Promise<Watched | undefined>>();
  readonly #ready = new Map<RunId, Watched>();
  /** What was told of a run while its graph was being read. */
  readonly #early = new Map<RunId, EngineEvent[]>();
  #spare: { readonly run: RunId; readonly job: number }[] = [];

  constructor({ store, results }: { readonly store: Store; readonly results: Results }) {
    this.#store = store;
    this.#results = results;
  }

  get hasWork(): boolean {
    return this.#spare.length > 0;
  }

  /** From now on files of this run are deleted. */
  async watch(run: RunId): Promise<void> {
    let watched = this.#runs.get(run);
    if (watched === undefined) {
      this.#early.set(run, []);
      watched = this.#read(run);
      this.#runs.set(run, watched);
    }
    const known = await watched;
    const early = this.#early.get(run) ?? [];
    this.#early.delete(run);
    if (known === undefined) return;
    this.#ready.set(run, known);
    for (const event of early) this.hear(event);
  }

  hear(event: EngineEvent): void {
    if (event.kind === 'run' && event.status !== 'running' && event.status !== 'pending') {
      this.#runs.delete(event.run);
      this.#ready.delete(event.run);
      return;
    }
    if (event.kind !== 'job') return;
    this.#early.get(event.run)?.push(event);
    const watched = this.#ready.get(event.run);
    for (const producer of watched?.takenBy.get(event.index) ?? []) {
      const waiting = watched?.waiting.get(producer);
      if (waiting === undefined || watched?.kept.has(producer) === true) continue;
      if (event.status !== 'done') waiting.add(event.index);
      else if (waiting.delete(event.index) && waiting.size === 0) this.#spare.push({ run: event.run, job: producer });
    }
  }

  /** Deletes what is not needed any more. */
  async work(): Promise<void> {
    const spare = this.#spare;
    this.#spare = [];
    for (const { run, job } of spare) {
      const watched = this.#ready.get(run) ?? (await this.#read(run));
      // Somebody may have come to need it since.
      if (watched === undefined || (watched.waiting.get(job)?.size ?? 0) > 0) continue;
      const [value] = await this.#store.values(run, [job]);
      const temporary = temporaryOutputs(watched.nodes.payload(job));
      for (const [name, output] of outputsOf(value)) if (temporary.has(name)) this.#remove(run, output.at);
    }
  }

  #remove(run: RunId, at: string): void {
    // What was made by another run is that run's to delete.
    if (at.startsWith(join('work', run) + sep)) rmSync(join(this.#results.directory, at), { force: true });
  }

  async #read(run: RunId): Promise<Watched | undefined> {
    const graphs = await this.#store.graph(run);
    const nodes = new GraphNodes(graphs);
    const waiting = new Map<number, Set<number>>();
    const takenBy = new Map<number, number[]>();
    const kept = new Set(
      graphs.flatMap(({ result }) => (result === undefined ? [] : nodesIn(JSON.parse(result) as Json))),
    );
    for (let index = 0; index < nodes.size; index += 1) {
      const isControl = nodes.definition(index).kind === 'control';
      nodes.eachUpstream(index, (from, accept) => {
        if (accept !== DATA_EDGE || nodes.definition(from).temporary !== true) return;
        // What a control node becomes may take it too.
        if (isControl) kept.add(from);
        enter(waiting, from).add(index);
        const taken = takenBy.get(index);
        if (taken === undefined) takenBy.set(index, [from]);
        else taken.push(from);
      });
    }
    if (waiting.size === 0) return undefined;
    for await (const rows of this.#store.jobs(run)) {
      for (const row of rows) {
        if (row.status !== 'done') continue;
        for (const producer of takenBy.get(row.job) ?? []) waiting.get(producer)?.delete(row.job);
      }
    }
    return { nodes, waiting, takenBy, kept };
  }
}

function enter(sets: Map<number, Set<number>>, key: number): Set<number> {
  let set = sets.get(key);
  if (set === undefined) sets.set(key, (set = new Set()));
  return set;
}

/** Nodes that a result refers to. */
function nodesIn(value: Json): readonly number[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return (value as readonly Json[]).flatMap(nodesIn);
  const { $ref } = value as { readonly $ref?: readonly [number] };
  if ($ref !== undefined) return [$ref[0]];
  return Object.values(value as Readonly<Record<string, Json>>).flatMap(nodesIn);
}
