import { isAbsolute, join, relative, sep } from 'node:path';
import type { ReadyJob } from '../../engine/index.ts';
import {
  type Clock,
  type CommandOutput,
  type ControlPayload,
  decodeValue,
  type EngineEvent,
  type Graph,
  isFinal,
  type Json,
  type RunId,
  type Store,
  type Value,
} from '../../model/index.ts';
import { deleteUnlessTaken, type GoingFile } from './going-files.ts';
import { GraphNodes } from './graph-nodes.ts';
import { outputsOf, type Results, temporaryOutputs } from './results.ts';
import { mentionsIn, resultOf, TemporaryUses, WHOLE } from './temporary-uses.ts';

/** One run that makes temporary files. */
interface Watched {
  readonly run: RunId;
  readonly uses: TemporaryUses;
  /** Jobs come as they come: who takes what is not known before its end. */
  readonly isOpen: boolean;
  /** Producers whose files are gone. */
  readonly gone: Set<number>;
}

/** What is to go: temporary outputs of producers, but for those that somebody keeps. */
interface Deletion {
  readonly producers: readonly number[];
  readonly nodes: GraphNodes;
  readonly keeps: (producer: number, name: string, output: CommandOutput) => boolean;
}

/** A graph that grows is read again when a job comes that is not in it: a small one always, a large one by this much. */
const SMALL = 1000;
const GROWN = 1.25;
/** Files that are deleted, and nodes that are looked at, before the loop turns: some milliseconds. */
const FILES_AT_ONCE = 100;
const NODES_AT_ONCE = 10_000;

/**
 * Deletes files that are marked temporary as soon as nobody needs them: who made them and all jobs that take them are done,
 * and the workflow does not return them. What they held stays known: the value of the job has their hashes and sizes, so
 * nothing that has been made of them is made again. Only files of the run itself are touched, and none while a run that is
 * not over has taken results of it.
 *
 * Who needs what control nodes have become is known when the graph is read again; what is left of that is deleted when the
 * run is done.
 */
export class TemporaryFiles {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #results: Results;
  readonly #runs = new Map<RunId, Watched>();
  /** What was told of a run while its graph was being read. */
  readonly #early = new Map<RunId, EngineEvent[]>();
  #watching: Promise<void> = Promise.resolve();
  #spare: { readonly watched: Watched; readonly producer: number }[] = [];
  #over: Watched[] = [];
  /** What another run has taken: looked at again when one ends. */
  readonly #postponed: { readonly watched: Watched; readonly producer: number }[] = [];

  constructor({
    store,
    clock,
    results,
  }: {
    readonly store: Store;
    readonly clock: Clock;
    readonly results: Results;
  }) {
    this.#store = store;
    this.#clock = clock;
    this.#results = results;
  }

  get hasWork(): boolean {
    return this.#spare.length > 0 || this.#over.length > 0;
  }

  /** From now on files of this run are deleted. `job`: one that makes or takes some. */
  watch(run: RunId, job = 0): Promise<void> {
    const watching = this.#watching.then(() => this.#watch(run, job));
    this.#watching = watching.catch(() => undefined);
    return watching;
  }

  async #watch(run: RunId, job: number): Promise<void> {
    const known = this.#runs.get(run);
    const size = known?.uses.nodes.size ?? 0;
    if (job < size || (size > SMALL && job < size * GROWN)) return;
    const early: EngineEvent[] = [];
    this.#early.set(run, early);
    try {
      this.#runs.set(run, await this.#read(run, known?.gone));
    } finally {
      this.#early.delete(run);
    }
    for (const event of early) this.hear(event);
  }

  hear(event: EngineEvent): void {
    if (event.kind === 'notice') return;
    this.#early.get(event.run)?.push(event);
    if (event.kind === 'run' && isFinal(event.status)) this.#spare.push(...this.#postponed.splice(0));
    const watched = this.#runs.get(event.run);
    if (watched === undefined) return;
    const isDone = event.status === 'done';
    if (event.kind === 'job') {
      if (!isDone) watched.gone.delete(event.index);
      for (const producer of watched.uses.note(event.index, isDone)) this.#spare.push({ watched, producer });
    } else if (isFinal(event.status)) {
      if (isDone) this.#over.push(watched);
      this.#runs.delete(event.run);
    }
  }

  /** Names of the outputs of a job that are temporary and not returned: their files may be gone. */
  mayBeGone({ run, index, payload }: Pick<ReadyJob, 'run' | 'index' | 'payload'>): ReadonlySet<string> {
    const names = temporaryOutputs(payload);
    const uses = this.#runs.get(run)?.uses;
    if (names.size === 0 || uses === undefined) return names;
    return new Set([...names].filter((name) => !uses.isReturned(index, name)));
  }

  /** Deletes what is not needed any more. */
  async work(): Promise<void> {
    const [spare, over] = [this.#spare, this.#over];
    this.#spare = [];
    this.#over = [];
    for (const [watched, list] of Map.groupBy(spare, (each) => each.watched)) {
      const { uses, run } = watched;
      const isOld = (): boolean => (this.#runs.get(run) ?? watched) !== watched;
      await this.#delete(watched, {
        producers: list.map(({ producer }) => producer),
        nodes: uses.nodes,
        // Somebody may have come to need it since.
        keeps: (producer, name) => isOld() || !uses.isSpare(producer) || uses.isReturned(producer, name),
      });
    }
    for (const watched of over) await this.#deleteRest(watched);
  }

  /** The run is done: nobody but who reads its result needs anything. */
  async #deleteRest(watched: Watched): Promise<void> {
    // Where no control node was, every file has had its end. To an open run anybody may have looked.
    if (watched.isOpen || !watched.uses.hasControls) return;
    const { run, gone } = watched;
    const graphs = await this.#store.graph(run);
    const nodes = new GraphNodes(graphs);
    const producers: number[] = [];
    await this.#eachNode(nodes, (index) => {
      if (nodes.definition(index).temporary === true && !gone.has(index)) producers.push(index);
    });
    if (producers.length === 0) return;
    const returned = await this.#placesReturned(run, graphs);
    await this.#delete(watched, {
      producers,
      nodes,
      keeps: (_, __, { at }) => this.#runs.has(run) || returned.has(at),
    });
  }

  async #delete(watched: Watched, { producers, nodes, keeps }: Deletion): Promise<void> {
    const { run, gone } = watched;
    for (let from = 0; from < producers.length; from += FILES_AT_ONCE) {
      if (from > 0) await this.#turn();
      const some = producers.slice(from, from + FILES_AT_ONCE);
      const files: GoingFile[] = [];
      for (const [i, value] of (await this.#store.values(run, some)).entries()) {
        const producer = some[i] as number;
        const temporary = temporaryOutputs(nodes.payload(producer));
        for (const [name, output] of outputsOf(value)) {
          // What was made by another run is that run's to delete.
          if (!temporary.has(name) || !output.at.startsWith(join('work', run) + sep)) continue;
          files.push({ path: this.#results.placeOf(output), isKept: () => keeps(producer, name, output) });
        }
      }
      if (await deleteUnlessTaken(files, () => this.#isTakenElsewhere(run)))
        for (const producer of some) gone.add(producer);
      else for (const producer of some) this.#postponed.push({ watched, producer });
    }
  }

  /** Whether a run that is not over has taken results of this one. */
  async #isTakenElsewhere(run: RunId): Promise<boolean> {
    for (const other of (await this.#store.fingerprints?.dependents(run)) ?? []) {
      const row = await this.#store.run(other);
      if (row !== undefined && !isFinal(row.status)) return true;
    }
    return false;
  }

  /** Where the files lie that the workflow returns, as outputs say it. */
  async #placesReturned(run: RunId, graphs: readonly Graph[]): Promise<ReadonlySet<string>> {
    const places = new Set<string>();
    const mentions = [...mentionsIn(resultOf(graphs), new Map())];
    const values = await this.#store.values(
      run,
      mentions.map(([node]) => node),
    );
    for (const [i, [, parts]] of mentions.entries()) {
      const outputs = outputsOf(values[i]);
      for (const [name, { at }] of outputs) if (parts.has(WHOLE) || parts.has(name)) places.add(at);
      if (outputs.length === 0) this.#placesIn(values[i], places);
    }
    return places;
  }

  #placesIn(value: Value | undefined, places: Set<string>): void {
    const { directory } = this.#results;
    const search = (data: unknown): void => {
      if (typeof data !== 'object' || data === null) return;
      const parts = data instanceof Map || data instanceof Set ? data : Object.values(data);
      for (const part of parts) search(part);
      const { at } = data as { readonly at?: unknown };
      if (typeof at === 'string') places.add(isAbsolute(at) ? relative(directory, at) : at);
    };
    if (value !== undefined) search(decodeValue(value));
  }

  async #read(run: RunId, gone: Set<number> = new Set()): Promise<Watched> {
    const graphs = await this.#store.graph(run);
    const nodes = new GraphNodes(graphs);
    const returned = new Map<number, Set<string>>();
    mentionsIn(resultOf(graphs), returned);
    await this.#mentionBecome(run, nodes, returned);
    const { open } = JSON.parse((await this.#store.run(run))?.settings || '{}') as { readonly open?: true };
    const isOpen = open === true;
    const uses = new TemporaryUses(nodes, returned);
    await this.#eachNode(nodes, (index) => uses.enter(index));
    if (isOpen) uses.keepUntaken();
    const watched = { run, uses, isOpen, gone };
    const spare: number[] = [];
    for await (const rows of this.#store.jobs(run))
      for (const row of rows) if (row.status === 'done') spare.push(...uses.note(row.job, true));
    // Of who was killed before they were deleted; or nobody knew before now that they are not needed.
    for (const producer of spare) if (!gone.has(producer)) this.#spare.push({ watched, producer });
    return watched;
  }

  /** What control nodes say of what they have become: the nodes their values are made of are needed by who takes those. */
  async #mentionBecome(run: RunId, nodes: GraphNodes, into: Map<number, Set<string>>): Promise<void> {
    // Before one has become something there is one graph, and nothing is known of what is to come.
    if (nodes.graphs.length === 1) return;
    const controls: number[] = [];
    await this.#eachNode(nodes, (index) => {
      if (nodes.definition(index).kind === 'control' && !isGather(nodes.payload(index))) controls.push(index);
    });
    for (const value of await this.#store.values(run, controls))
      if (value?.codec === 'json') mentionsIn(JSON.parse(value.json) as Json, into);
  }

  async #eachNode({ size }: GraphNodes, visit: (index: number) => void): Promise<void> {
    for (let index = 0; index < size; index += 1) {
      visit(index);
      if (index % NODES_AT_ONCE === NODES_AT_ONCE - 1) await this.#turn();
    }
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.soon(resolve);
    });
  }
}

function isGather(payload: string): boolean {
  return (JSON.parse(payload) as ControlPayload).control === 'gather';
}
