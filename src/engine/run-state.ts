import {
  asJobId,
  type Condition,
  type Definition,
  type Detail,
  type Grant,
  type Graph,
  type JobId,
  NameIndex,
  type Outcome,
  type RunId,
  type Status,
  textAt,
} from '../model/index.ts';
import type { RunSettings } from './api.ts';
import type { LiveAttempt } from './attempts.ts';
import { ChurningMap } from './churning-map.ts';
import { PENDING, type Standing, standingOf } from './codes.ts';
import type { CapState } from './caps.ts';
import type { ReadyControl } from './controls.ts';
import type { After, AwaitedName, Gate, Watch } from './conditions.ts';
import type { Raised } from './escalating.ts';
import { GrowingSegment, isSmall, type Segment } from './growing-segment.ts';
import { JobTable } from './job-table.ts';
import type { Asking } from './questions.ts';
import type { ReadyQueue } from './ready-queue.ts';
import { Told } from './told.ts';

const RECENT_NAMES = 64;

/** One run as the core keeps it. What is rare (outcomes, wake-ups, conditions) lives in maps beside the columns. */
export class RunState {
  readonly id: RunId;
  readonly name: string;
  /** Position among the runs of this engine: older first when all else is equal. */
  readonly order: number;
  settings: RunSettings;
  readonly table: JobTable = new JobTable();
  readonly segments: Segment[] = [];
  readonly definitions: Definition[] = [];
  /** Definitions that came with small segments, by what they are: equal ones are kept once. */
  readonly #known: Map<string, number> = new Map();
  readonly #knownByIdentity: Map<Definition, number> = new Map();
  /** Queues by what they are for. */
  readonly queueByKey: Map<string, ReadyQueue> = new Map();
  /** The ready queue of each definition. */
  readonly queues: ReadyQueue[] = [];
  hasPriorities = false;

  status: Status = 'created';
  detail: Detail = '';
  readonly counts: Int32Array = new Int32Array(7);
  readonly told: Told = new Told();
  epoch = 1;
  /** Sequence number of the last transition that was handed to a commit. */
  seq = 0;
  startedAt = 0;
  endedAt = 0;

  /** Nothing is added any more: it ends with its last job. */
  closed = false;
  /** Of the jobs before this one everything that will be is known: what cannot be satisfied any more has failed. */
  sealedTo = 0;
  paused = false;
  /** The failure policy or a cancel keeps everything that has not started from starting. */
  stopping = false;
  /** Being shut down: what is cancelled goes back to pending. */
  interrupting = false;
  /** Work of the core on this run that is spread over turns; it cannot end before. */
  chores = 0;
  /** Live attempts. */
  live = 0;
  /** The live attempt of each job that has one. */
  readonly attemptOf: ChurningMap<number, LiveAttempt> = new ChurningMap();
  /** What its live attempts hold, or stand in line for. */
  heldCpus = 0;
  heldMemory = 0;
  heldGpus = 0;

  /** Of the latest attempt that ended other than well. */
  readonly outcomes: Map<number, Outcome> = new Map();
  /** Wall clock of each dated wake-up. */
  readonly wakeAt: Map<number, number> = new Map();
  /** Parts of conditions that wait for the end of a job, by that job. */
  readonly gates: Map<number, Gate[]> = new Map();
  /** What each job that waits for its condition is registered as. */
  readonly watches: Map<number, Watch> = new Map();
  /** Monotonic time of the dated look at a job's condition. */
  readonly looks: Map<number, number> = new Map();
  /** Monotonic time until which a ready job may wait for its turn. */
  readonly queueDue: Map<number, number> = new Map();
  /** Jobs whose condition waits for a point in time. */
  readonly timeGated: Set<number> = new Set();
  /** Attempts that are gone and not declared lost yet: their jobs wait for the grant of a successor. */
  readonly awaited: Map<number, LiveAttempt> = new Map();
  /** Where attempts of a job took their place down with them. */
  readonly fatalPlaces: Map<number, Set<string>> = new Map();
  /** Jobs that ask for more than they were defined to. */
  readonly raised: Map<number, Raised> = new Map();
  /** Definitions of those, by the one they come from and how far they are raised. */
  readonly raisedDefinitions: Map<string, number> = new Map();
  /** Conditions with names resolved, by index of definition. */
  readonly conditions: Map<number, Condition> = new Map();
  /** The jobs that conditions name, -1 for a name that no job has. */
  readonly namedJobs: Map<After, Int32Array> = new Map();
  /** Names that no job has yet, with where the job is to be entered and who then waits for it. */
  readonly awaitedNames: Map<string, AwaitedName> = new Map();
  /** It has control nodes: without any, nothing below costs a job anything. */
  hasControls = false;
  /** Control nodes that are not over, or whose nodes are still being taken in: names may come of them. */
  openControls = 0;
  /** Control nodes that wait for nothing any more but to be expanded. */
  readonly controls: Map<number, ReadyControl> = new Map();
  /** Control nodes whose nodes are there: what they became stands. */
  readonly expanded: Set<number> = new Set();
  /** Edges into nodes that came after them, by the node they lead into. */
  readonly late: Map<number, LateUpstream> = new Map();
  /** How many jobs of a name may run at a time, by that name. */
  readonly caps: Map<string, CapState> = new Map();
  /** Present when earlier results may stand for some of its jobs. */
  asking: Asking | undefined;
  readonly #indices: { readonly names: NameIndex; entered: number }[] = [];
  readonly #gists: Map<string, Outcome> = new Map();
  /** Names read last: the same few jobs are named again and again while they run. */
  readonly #recentNames: { readonly jobs: number[]; readonly names: JobId[] } = { jobs: [], names: [] };
  #lookups = 0;

  constructor(id: RunId, name: string, order: number, settings: RunSettings) {
    this.id = id;
    this.name = name;
    this.order = order;
    this.settings = settings;
  }

  /** An attempt of it was granted something (1), or what it held was given back (-1). */
  countGrant({ cpus, memoryBytes, gpus, gpuShare = 1 }: Grant, by: 1 | -1): void {
    this.heldCpus += by * cpus;
    if (memoryBytes !== undefined) this.heldMemory += by * memoryBytes;
    if (gpus !== undefined) this.heldGpus += by * gpus.length * gpuShare;
  }

  isSealed(job: number): boolean {
    return job < this.sealedTo;
  }

  /** Nothing is added any more, and everything that will be is known. */
  close(): void {
    this.closed = true;
    this.sealedTo = Infinity;
  }

  definition(job: number): Definition {
    return this.definitions[this.table.definition[job] as number] as Definition;
  }

  priorityOf(job: number): number {
    return this.hasPriorities ? this.definition(job).priority : 0;
  }

  queueOf(job: number): ReadyQueue {
    return this.queues[this.table.definition[job] as number] as ReadyQueue;
  }

  statusOf(job: number): Standing {
    return standingOf(this.table.status[job] as number);
  }

  isControl(job: number): boolean {
    return this.hasControls && this.definition(job).kind === 'control';
  }

  /** Everything that will be there is there: no name is still to come. */
  knowsAllNames(job: number): boolean {
    return this.openControls === 0 && this.isSealed(job);
  }

  nameOf(job: number): JobId {
    const { jobs, names } = this.#recentNames;
    const at = job % RECENT_NAMES;
    if (jobs[at] === job) return names[at] as JobId;
    const segment = this.segmentOf(job);
    const name = asJobId(textAt(segment.names, job - segment.base));
    jobs[at] = job;
    names[at] = name;
    return name;
  }

  payloadOf(job: number): string {
    const segment = this.segmentOf(job);
    return textAt(segment.payloads, job - segment.base);
  }

  hasUpstream(job: number): boolean {
    const { base, edgeOffsets } = this.segmentOf(job);
    return (edgeOffsets[job - base + 1] as number) > (edgeOffsets[job - base] as number) || this.late.has(job);
  }

  segmentOf(job: number): Segment {
    let low = 0;
    let high = this.segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.segments[middle] as Segment).base <= job) low = middle;
      else high = middle - 1;
    }
    return this.segments[low] as Segment;
  }

  /** Calls back for each edge into a job: upstream job, and `DATA_EDGE` or an accept mask. */
  eachUpstream(job: number, visit: (from: number, accept: number) => void): void {
    const segment = this.segmentOf(job);
    const i = job - segment.base;
    const end = segment.edgeOffsets[i + 1] as number;
    for (let e = segment.edgeOffsets[i] as number; e < end; e += 1) {
      visit(segment.edgeFrom[e] as number, segment.edgeAccept[e] as number);
    }
    if (this.late.size === 0) return;
    const late = this.late.get(job);
    late?.from.forEach((from, e) => visit(from, late.accept[e] as number));
  }

  /** Names are asked for so often that the next question may find them all indexed: better before, in slices. */
  get indexesNamesSoon(): boolean {
    return this.#lookups > LOOKUPS_WITHOUT_INDEX - 3;
  }

  /** Index of a job by name: by looking through the names, and by an index once that is asked often. */
  indexOf(job: string): number | undefined {
    this.#lookups += 1;
    if (this.#lookups > LOOKUPS_WITHOUT_INDEX) for (const _ of this.indexNames()) continue;
    for (const [i, segment] of this.segments.entries()) {
      const index = this.#indices[i];
      const at = index?.names.indexOf(job) ?? findText(segment, job, index?.entered ?? 0);
      if (at !== -1) return segment.base + at;
    }
    return undefined;
  }

  /** Indexes the names that are not yet, yielding now and then. */
  *indexNames(): Generator<void> {
    // All but the last are whole; that one may have grown.
    for (let i = Math.max(0, this.#indices.length - 1); i < this.segments.length; i += 1) {
      const segment = this.segments[i] as Segment;
      const index = this.#indices[i] ?? { names: namesOf(segment), entered: 0 };
      this.#indices[i] = index;
      for (; index.entered < segment.size; index.entered += 1) {
        index.names.enter(index.entered);
        if ((index.entered & 0x3fff) === 0x3fff) yield;
      }
    }
  }

  addSegment(segment: Graph): void {
    const last = this.segments.at(-1);
    if (this.segments.length === 0 || !isSmall(segment)) {
      this.segments.push(segment);
    } else if (last instanceof GrowingSegment && last.hasRoom()) last.add(segment);
    else {
      const growing = new GrowingSegment(segment.base);
      growing.add(segment);
      this.segments.push(growing);
    }
  }

  /** Makes those wait that have late edges from a segment's nodes. */
  addLate({ late, expands }: Graph): void {
    for (const control of expands ?? []) this.expanded.add(control);
    late?.to.forEach((to, e) => {
      let into = this.late.get(to);
      if (into === undefined) {
        into = { from: [], accept: [] };
        this.late.set(to, into);
      }
      into.from.push(late.from[e] as number);
      into.accept.push(late.accept[e] as number);
    });
  }

  /** Takes the segment that was added last away again: nothing has been told of it, and nobody has seen it. */
  dropSegment({ base, size }: Graph): void {
    const last = this.segments.at(-1);
    if (last instanceof GrowingSegment && last.base < base) last.drop(size);
    else this.segments.pop();
    this.#indices.length = Math.min(this.#indices.length, Math.max(0, this.segments.length - 1));
    this.#recentNames.jobs.length = 0;
  }

  /** Jobs that were added with one small segment after the other, as graphs. */
  graphsOf(first: number, last: number): Graph[] {
    const graphs: Graph[] = [];
    for (let at = first; at < last; ) {
      const segment = this.segmentOf(at) as GrowingSegment;
      const end = Math.min(last, segment.base + segment.size);
      graphs.push(segment.part(at, end, (job) => this.definition(job)));
      at = end;
    }
    return graphs;
  }

  /** The number of a definition that is there already. */
  numberOf(definition: Definition): number | undefined {
    if (definition.condition !== undefined) return undefined;
    const known = this.#knownByIdentity.get(definition);
    return known ?? this.#known.get(JSON.stringify(definition));
  }

  /** Remembers a definition, so that equal ones need not be kept. */
  know(definition: Definition, number: number): void {
    if (definition.condition !== undefined || this.#known.size >= DEFINITIONS_KNOWN) return;
    this.#known.set(JSON.stringify(definition), number);
    this.#knownByIdentity.set(definition, number);
  }

  /** Keeps how an attempt ended that did not end well. Of the first ones in full; of a million failures the gist. */
  remember(job: number, outcome: Outcome): void {
    const isFew = this.outcomes.size < OUTCOMES_IN_FULL || this.outcomes.has(job);
    this.outcomes.set(job, isFew ? outcome : this.#gistOf(outcome));
  }

  #gistOf(outcome: Outcome): Outcome {
    const gist = gistOf(outcome);
    const key = JSON.stringify(gist);
    const known = this.#gists.get(key);
    if (known !== undefined) return known;
    if (this.#gists.size < OUTCOMES_IN_FULL) this.#gists.set(key, gist);
    return gist;
  }

  /** Jobs that are not final. */
  get unfinished(): number {
    return (this.counts[PENDING] as number) + (this.counts[PENDING + 1] as number);
  }
}

/** Edges into one node that came after it, in the order in which they came. */
interface LateUpstream {
  readonly from: number[];
  readonly accept: number[];
}

const LOOKUPS_WITHOUT_INDEX = 8;
const OUTCOMES_IN_FULL = 1000;
/** Where there are more kinds of work than these, looking for equal ones does not pay. */
const DEFINITIONS_KNOWN = 4096;

function namesOf({ names, size }: Segment): NameIndex {
  return new NameIndex(
    {
      get bytes() {
        return names.bytes;
      },
      offset: (i) => names.offsets[i] as number,
    },
    size,
  );
}

/** An outcome without what may be long: the store has all of it. */
function gistOf(outcome: Outcome): Outcome {
  if (outcome.kind === 'exit') return { kind: 'exit', code: outcome.code };
  if (outcome.kind === 'signal') return { kind: 'signal', signal: outcome.signal };
  if (outcome.kind !== 'error') return outcome;
  const { name, message, code } = outcome.error;
  return { kind: 'error', error: { name, message: message.slice(0, 200), ...(code === undefined ? {} : { code }) } };
}

function findText(segment: Segment, text: string, from: number): number {
  const wanted = Buffer.from(text);
  const { bytes, offsets } = segment.names;
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = from; i < segment.size; i += 1) {
    const start = offsets[i] as number;
    const end = offsets[i + 1] as number;
    if (end - start === wanted.length && all.compare(wanted, 0, wanted.length, start, end) === 0) return i;
  }
  return -1;
}
