import type { Graph, LateColumns } from '../model/index.ts';
import type { Segment } from './growing-segment.ts';

/** Edges into jobs that came after them, by the job they lead into. */
export type LateInto = ReadonlyMap<number, { readonly from: readonly number[] }>;
const NONE_LATE: LateInto = new Map();

interface RankOptions {
  readonly first?: number;
  readonly late?: LateInto;
}

/** Jobs and edges of one slice: some milliseconds. */
const STEPS_A_SLICE = 50_000;

/**
 * The jobs of one run, column by column: a waiting job costs its columns and its edges, some
 * 90 bytes with three edges, and no object. Edges are kept downstream, as linked lists, so
 * that a graph can grow; upstream they are read from the graph's own columns.
 */
export class JobTable {
  size = 0;
  edges = 0;
  status: Uint8Array = new Uint8Array(0);
  detail: Uint8Array = new Uint8Array(0);
  flags: Uint8Array = new Uint8Array(0);
  /** Edges not satisfied yet. */
  waits: Int32Array = new Int32Array(0);
  /** Ordinal of the latest attempt. */
  fence: Uint32Array = new Uint32Array(0);
  charged: Uint32Array = new Uint32Array(0);
  losses: Uint32Array = new Uint32Array(0);
  /** Index into the run's definitions. */
  definition: Uint32Array = new Uint32Array(0);
  /** Upward rank: expected milliseconds of the longest path from here to an end, this job included. */
  rank: Float64Array = new Float64Array(0);
  /** First edge out of this job; -1: none. */
  firstOut: Int32Array = new Int32Array(0);
  edgeTo: Int32Array = new Int32Array(0);
  edgeNext: Int32Array = new Int32Array(0);
  edgeAccept: Uint8Array = new Uint8Array(0);

  /** Makes room. Exact on an empty table, by halves again on one that grows. */
  reserve(jobs: number, edges: number): void {
    if (jobs > this.status.length) {
      const room = this.size === 0 ? jobs : Math.max(jobs, Math.ceil(this.status.length * 1.5));
      this.status = grown(this.status, new Uint8Array(room));
      this.detail = grown(this.detail, new Uint8Array(room));
      this.flags = grown(this.flags, new Uint8Array(room));
      this.waits = grown(this.waits, new Int32Array(room));
      this.fence = grown(this.fence, new Uint32Array(room));
      this.charged = grown(this.charged, new Uint32Array(room));
      this.losses = grown(this.losses, new Uint32Array(room));
      this.definition = grown(this.definition, new Uint32Array(room));
      this.rank = grown(this.rank, new Float64Array(room));
      this.firstOut = grown(this.firstOut, new Int32Array(room));
    }
    if (edges > this.edgeTo.length) {
      const room = this.edges === 0 ? edges : Math.max(edges, Math.ceil(this.edgeTo.length * 1.5));
      this.edgeTo = grown(this.edgeTo, new Int32Array(room));
      this.edgeNext = grown(this.edgeNext, new Int32Array(room));
      this.edgeAccept = grown(this.edgeAccept, new Uint8Array(room));
    }
  }

  /**
   * Appends a segment's jobs and edges. A generator, so that a million jobs do not hold the
   * loop: it yields every some thousand. `definitions` are the run's numbers of the segment's.
   */
  *append(segment: Graph, definitions: Uint32Array): Generator<void> {
    const base = segment.base;
    const late = segment.late?.from.length ?? 0;
    this.reserve(base + segment.size, this.edges + segment.edgeFrom.length + late);
    this.firstOut.fill(-1, base, base + segment.size);
    this.size = base + segment.size;
    let steps = 0;
    for (let i = 0; i < segment.size; i += 1) {
      const job = base + i;
      this.definition[job] = definitions[segment.definitionOf[i] as number] as number;
      this.rank[job] = segment.expectedMs[i] || 1;
      const end = segment.edgeOffsets[i + 1] as number;
      for (let e = segment.edgeOffsets[i] as number; e < end; e += 1) {
        const from = segment.edgeFrom[e] as number;
        const edge = this.edges;
        this.edgeTo[edge] = job;
        this.edgeAccept[edge] = segment.edgeAccept[e] as number;
        this.edgeNext[edge] = this.firstOut[from] as number;
        this.firstOut[from] = edge;
        this.edges += 1;
      }
      steps += 1 + end - (segment.edgeOffsets[i] as number);
      if (steps < STEPS_A_SLICE) continue;
      steps = 0;
      yield;
    }
    if (segment.late !== undefined) yield* this.#appendLate(segment.late);
  }

  *#appendLate({ from, to, accept }: LateColumns): Generator<void> {
    for (let e = 0; e < from.length; e += 1) {
      const edge = this.edges;
      this.edgeTo[edge] = to[e] as number;
      this.edgeAccept[edge] = accept[e] as number;
      this.edgeNext[edge] = this.firstOut[from[e] as number] as number;
      this.firstOut[from[e] as number] = edge;
      this.edges += 1;
      if (e % STEPS_A_SLICE === STEPS_A_SLICE - 1) yield;
    }
  }

  /** Takes away the segment that was appended last: its edges are unlinked in the opposite order. */
  drop({ base, edgeFrom, late }: Graph): void {
    for (const from of [edgeFrom, late?.from ?? []].flatMap((column) => [...column]).reverse()) {
      this.edges -= 1;
      this.firstOut[from] = this.edgeNext[this.edges] as number;
    }
    this.size = base;
  }

  /**
   * Upward ranks from the last job to the first (Topcuoglu, Hariri, Wu 2002: HEFT's rank with no
   * cost of communication). Builders that record calls name only earlier nodes, so reverse
   * index order is reverse topological order; else a Kahn order is made first. With `first`, only
   * the jobs from there on: an appended segment does not change the ranks before it. `late` has the
   * edges that lead backwards.
   */
  *rankAll(segments: readonly Segment[], { first = 0, late = NONE_LATE }: RankOptions = {}): Generator<void> {
    const isForward = first > 0 || (late.size === 0 && !segments.some(pointsForward));
    const order = isForward ? undefined : yield* this.#reverseOrder(segments, late);
    let steps = 0;
    for (let n = 0; n < this.size - first; n += 1) {
      const job = order === undefined ? this.size - 1 - n : (order[n] as number);
      let longest = 0;
      for (let e = this.firstOut[job] as number; e !== -1; e = this.edgeNext[e] as number) {
        const rank = this.rank[this.edgeTo[e] as number] as number;
        if (rank > longest) longest = rank;
        steps += 1;
      }
      (this.rank[job] as number) += longest;
      steps += 1;
      if (steps < STEPS_A_SLICE) continue;
      steps = 0;
      yield;
    }
  }

  *#reverseOrder(segments: readonly Segment[], late: LateInto): Generator<void, Int32Array> {
    const waits = new Int32Array(this.size);
    for (const segment of segments) {
      for (let i = 0; i < segment.size; i += 1) {
        waits[segment.base + i] = (segment.edgeOffsets[i + 1] as number) - (segment.edgeOffsets[i] as number);
        if (i % (8 * STEPS_A_SLICE) === 0) yield;
      }
    }
    for (const [to, { from }] of late) waits[to] = (waits[to] as number) + from.length;
    const order = new Int32Array(this.size);
    let tail = 0;
    for (let job = 0; job < this.size; job += 1) if (waits[job] === 0) order[tail++] = job;
    yield;
    let steps = 0;
    for (let head = 0; head < tail; head += 1) {
      if (steps > STEPS_A_SLICE) {
        steps = 0;
        yield;
      }
      for (let e = this.firstOut[order[head] as number] as number; e !== -1; e = this.edgeNext[e] as number) {
        steps += 1;
        const to = this.edgeTo[e] as number;
        waits[to] = (waits[to] as number) - 1;
        if (waits[to] === 0) order[tail++] = to;
      }
    }
    return order.reverse();
  }
}

function pointsForward(segment: Segment): boolean {
  for (let i = 0; i < segment.size; i += 1) {
    const end = segment.edgeOffsets[i + 1] as number;
    for (let e = segment.edgeOffsets[i] as number; e < end; e += 1) {
      if ((segment.edgeFrom[e] as number) >= segment.base + i) return true;
    }
  }
  return false;
}

function grown<Column extends { set(from: Column): void }>(old: Column, room: Column): Column {
  room.set(old);
  return room;
}
