import { DATA_EDGE, type Graph, type Json } from '../../model/index.ts';
import type { GraphNodes } from './graph-nodes.ts';
import { temporaryOutputs } from './results.ts';

/** Nodes, and which parts of the value of each: the outputs of a command by name. */
export type Mentions = ReadonlyMap<number, ReadonlySet<string>>;

/** Stands for all parts. No output is named so. */
export const WHOLE = '';

/**
 * Which temporary files of one run somebody still needs. Who makes one needs it until it is done itself; so do all that take
 * it. What goes out of the run, or into what is still to come, is needed while the run goes.
 *
 * needed -> spare, when the last who needs it is done -> needed, when one of them is to run again
 */
export class TemporaryUses {
  readonly nodes: GraphNodes;
  /** By producer: who is not done yet. */
  readonly #waiting = new Map<number, Set<number>>();
  /** By job: producers of what it needs. */
  readonly #takenBy = new Map<number, number[]>();
  readonly #kept = new Set<number>();
  /** By producer: names of its temporary outputs. */
  readonly #temporary = new Map<number, ReadonlySet<string>>();
  readonly #returned: Mentions;

  /** `returned`: what is needed by who is no job of these graphs. */
  constructor(nodes: GraphNodes, returned: Mentions) {
    this.nodes = nodes;
    this.#returned = returned;
  }

  /** Takes a node into account. Each is to be, before anything is asked. */
  enter(index: number): void {
    const { nodes } = this;
    const { kind, temporary } = nodes.definition(index);
    if (temporary === true) this.#enter(index, index);
    let mentions: Mentions | undefined;
    nodes.eachUpstream(index, (from, accept) => {
      if (accept !== DATA_EDGE || nodes.definition(from).temporary !== true) return;
      // What a control node becomes may take it too.
      if (kind === 'control') this.#kept.add(from);
      mentions ??= mentionsIn(JSON.parse(nodes.payload(index) || 'null') as Json, new Map());
      if (this.#takes(mentions.get(from), from)) this.#enter(from, index);
    });
  }

  /** Whoever takes it may still come: what nobody takes is needed. */
  keepUntaken(): void {
    for (const [producer, waiting] of this.#waiting) if (waiting.size === 1) this.#kept.add(producer);
  }

  get hasControls(): boolean {
    return this.nodes.graphs.some(({ definitions }) => definitions.some(({ kind }) => kind === 'control'));
  }

  /** A job is done, or is not any more. Gives the producers whose files nobody needs from now on. */
  note(job: number, isDone: boolean): readonly number[] {
    const spare: number[] = [];
    for (const producer of this.#takenBy.get(job) ?? []) {
      const waiting = this.#waiting.get(producer) as Set<number>;
      if (!isDone) waiting.add(job);
      else if (waiting.delete(job) && this.isSpare(producer)) spare.push(producer);
    }
    return spare;
  }

  isSpare(producer: number): boolean {
    return this.#waiting.get(producer)?.size === 0 && !this.#kept.has(producer);
  }

  /** Whether an output of a producer goes out of the run. */
  isReturned(producer: number, output: string): boolean {
    return isMentioned(this.#returned, producer, output);
  }

  /** Whether one of these parts of what a producer made is a temporary file. */
  #takes(parts: ReadonlySet<string> | undefined, producer: number): boolean {
    if (parts === undefined) return false;
    let temporary = this.#temporary.get(producer);
    if (temporary === undefined)
      this.#temporary.set(producer, (temporary = temporaryOutputs(this.nodes.payload(producer))));
    return parts.has(WHOLE) || !parts.isDisjointFrom(temporary);
  }

  #enter(producer: number, job: number): void {
    const waiting = this.#waiting.get(producer);
    if (waiting === undefined) this.#waiting.set(producer, new Set([job]));
    else waiting.add(job);
    const taken = this.#takenBy.get(job);
    if (taken === undefined) this.#takenBy.set(job, [producer]);
    else if (!taken.includes(producer)) taken.push(producer);
  }
}

/** What the workflow returns, as it was written down; the latest of several graphs that says so. */
export function resultOf(graphs: readonly Graph[]): Json | undefined {
  const text = graphs.findLast(({ result }) => result !== undefined)?.result;
  return text === undefined ? undefined : (JSON.parse(text) as Json);
}

export function isMentioned(mentions: Mentions, node: number, part: string): boolean {
  const parts = mentions.get(node);
  return parts !== undefined && (parts.has(WHOLE) || parts.has(part));
}

/** Adds what data refers to, at any depth. */
export function mentionsIn(data: Json | undefined, into: Map<number, Set<string>>): Mentions {
  if (typeof data !== 'object' || data === null) return into;
  const { $ref } = data as { readonly $ref?: readonly [number, ...(string | number)[]] };
  if (Array.isArray($ref)) {
    const [node, part = WHOLE] = $ref as readonly [number, ...(string | number)[]];
    const parts = into.get(node);
    if (parts === undefined) into.set(node, new Set([String(part)]));
    else parts.add(String(part));
  } else for (const part of Object.values(data) as readonly Json[]) mentionsIn(part, into);
  return into;
}
