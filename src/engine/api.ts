import type {
  AcceptMask,
  Backend,
  Clock,
  Definition,
  Detail,
  Durability,
  EngineEvent,
  Environment,
  FailurePolicy,
  FinalStatus,
  Graph,
  JobId,
  Json,
  Logger,
  LoginNeed,
  Outcome,
  Random,
  ResolvedWork,
  ResourceAmounts,
  ResourceRequest,
  RunId,
  SerializedError,
  Status,
  Store,
  StreamRequest,
  StreamStep,
  Value,
} from '../model/index.ts';

/** User code that says whether jobs may start: its word holds for the pace of its condition, a promise's for the look after it. */
export type CustomCondition = () => boolean | Promise<boolean>;

/** Everything the engine does not have of its own: it reads no clock, draws no chance, and touches no disk. */
export interface EngineOptions {
  readonly store: Store;
  readonly backends: readonly Backend[];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger?: Logger;
  /** Which backend runs what names none. */
  readonly defaultBackends: { readonly command: string; readonly call: string };
  /** Turns a node's payload and the values it refers to into work. Pure; may throw a `HeddleError`, which fails the job. */
  readonly resolveWork: ResolveWork;
  /** Needed for graphs with control nodes. */
  readonly expand?: Expand;
  /** Finds earlier results for jobs that may be reused; absent: all of them run. */
  readonly reuse?: Reuse;
  /** The absolute directory of an attempt; '' when attempts have none. */
  readonly attemptDirectory: (run: RunId, index: number, job: JobId, fence: number) => string;
  /** The store's directory, absolute; '' when there is none. */
  readonly directory?: string;
  /** The project's directory, absolute. */
  readonly project?: string;
  /** Attempts at a time, per backend; the backend's own idea where absent. */
  readonly slots?: number;
  /** Over that: attempts over all backends, and of single ones. */
  readonly limits?: Limits;
  /** Named tokens (licences), engine-wide. */
  readonly tokens?: Readonly<Record<string, number>>;
  /** What may be granted at a time over all backends, beside what each place has. Jobs that ask for none of it are not counted. */
  readonly totals?: Pick<ResourceAmounts, 'cpus' | 'memoryBytes'>;
  /** The most one job may ask for; what asks for more is refused, and retries ask for no more. */
  readonly perTask?: ResourceAmounts;
  /** GPU indices of this machine, instead of those its backends find. */
  readonly gpus?: readonly number[];
  /** So many times the cpus and the memory that there are, of places and in all, are granted. Devices and tokens never are. @default 1 */
  readonly oversubscribe?: number;
  /** @default 'priority' */
  readonly strategy?: Strategy;
  /** A job passed over so long reserves. @default 60000 */
  readonly reserveAfterMs?: number;
  /** How long an unreachable attempt is waited for between looks. @default 15000 */
  readonly recheckMs?: number;
  /** Custom conditions by name: user code, contained. Looked up when wanted: it may grow. */
  readonly conditions?: Readonly<Record<string, CustomCondition>>;
  /** Captured output a stream. @default 64 MiB */
  readonly outputBytes?: number;
}

/**
 * In which order jobs are given what is free. In all of them larger priorities go first, and who was passed over for
 * `reserveAfterMs` gets room kept.
 *
 * - `priority`: older runs before younger ones, so that what was begun is finished before more is begun; within a run what has
 *   the longest path before it (upward rank), then what was submitted first.
 * - `fair`: first the run that has least. A run's share is the largest part it holds of any resource there is: of the cpus,
 *   of the memory or of the devices (Ghodsi et al. 2011: dominant resource fairness). Within a run as `priority`.
 * - `demand`: first who asks for most of what is scarce: the largest part of any resource of its largest place. Large jobs
 *   start while there is room for them, small ones fill what they leave. Among those who ask for as much as `priority`.
 */
export type Strategy = 'priority' | 'fair' | 'demand';

export type ResolveWork = (node: {
  readonly kind: 'command' | 'call';
  /** JSON of the payload; '' for none. */
  readonly payload: string;
  readonly environment: Environment | undefined;
  /** Value of a node by its index in the run; defined for every data edge. */
  readonly value: (node: number) => Value | undefined;
  /** What a node is called, for messages. */
  readonly nameOf: (node: number) => string;
}) => ResolvedWork;

/** A job that waits for nothing but its turn, and for which an earlier result may stand; or that makes or takes temporary files. */
export interface ReadyJob {
  readonly run: RunId;
  readonly job: JobId;
  readonly index: number;
  /** JSON of the payload; '' for none. */
  readonly payload: string;
  readonly definition: Definition;
  /** Jobs whose values it takes: they are committed. */
  readonly needs: readonly number[];
  /** Those of them that make temporary files. */
  readonly temporaries: readonly number[];
  /** JSON of the payload of a job it takes a value of. */
  readonly payloadOf: (node: number) => string;
  /** It may be reused; where it was asked to run again, only its result may be later. */
  readonly isReusable: boolean;
  readonly mayReuse: boolean;
}

export type ReuseAnswer =
  | { readonly kind: 'run' }
  /** Its value, as it was then: the job is done, and had no attempt. */
  | { readonly kind: 'done'; readonly value: Value | undefined }
  /** It must run, and what these jobs made for it is not there any more: they run again first. */
  | { readonly kind: 'first'; readonly jobs: readonly number[] };

/** Looks for earlier results, for many jobs at once; answers in their order. What it throws makes them run. */
export type Reuse = (jobs: readonly ReadyJob[]) => Promise<readonly ReuseAnswer[]>;

/** How a node that another waits for has ended. */
export interface Upstream {
  /** `skipped`: no branch chose it, or what it needs; it never became a job. */
  readonly status: FinalStatus | 'skipped';
  /** Of what is done. */
  readonly value?: Value;
  /** Of what failed, its last attempt's. */
  readonly outcome?: Outcome;
}

/** A control node all of whose upstreams have ended. */
export interface ControlNode {
  readonly run: RunId;
  readonly job: JobId;
  readonly index: number;
  readonly payload: string;
  readonly definition: Definition;
  /** Index that the first appended node will have. */
  readonly base: number;
  /** Of every node it has an edge from, also those that came later (`LateEdge`). */
  readonly upstream: (node: number) => Upstream | undefined;
  /** Nodes it has edges from, in the order in which those came. */
  readonly upstreams: readonly number[];
  /** Index of a job of this run. */
  readonly indexOf: (job: string) => number | undefined;
}

/** An edge from a node of an expansion into one that was there before. */
export interface LateEdge {
  readonly from: number;
  /** Waits, by an edge, for the control node that is being expanded: so it can not have started. */
  readonly to: number;
  readonly accept: AcceptMask;
}

/** What a control node becomes. */
export interface Expansion {
  /** Appended in the same commit as the control node's end; `base` is the node's. */
  readonly segment?: Graph;
  readonly lateEdges?: readonly LateEdge[];
  readonly value?: Value;
  /** It chose nothing: it is skipped, and with it all that needs its value. */
  readonly skipped?: true;
  /** It fails: nothing is appended then. */
  readonly error?: SerializedError;
}

/**
 * Says what a control node becomes. Pure: the same upstreams, the same expansion. What it throws fails the job. One that
 * has much to do is a generator: it yields every few milliseconds, and returns the expansion.
 */
export type Expand = (node: ControlNode) => Expansion | Generator<void, Expansion>;

/** How one run is to be executed. Kept as JSON with the run. */
export interface RunSettings {
  /** Backend for every task that names none. */
  readonly backend?: string;
  readonly onFailure?: FailurePolicy;
  /** Whether earlier results are taken, whatever the tasks say. @default as each task says (`Definition.cache`) */
  readonly cache?: boolean;
  /** What it was started with, for people and for `resume`. */
  readonly parameters?: Json;
  /** Anything the caller wants kept with the run (source file, code hashes). */
  readonly origin?: Json;
  /**
   * Jobs come as they come: it may start empty, goes on until `close`, and what can never become true fails at
   * `seal`. Whoever resumes it gets it closed: nobody is left to add to it.
   */
  readonly open?: true;
}

/** How one run is started. */
export interface StartSettings extends RunSettings {
  /** @default the graph's */
  readonly name?: string;
  /** Of the graph: equal graphs have equal ones. */
  readonly fingerprint?: string;
  /** The experiment it is a point of, and which: columns of the run's row. */
  readonly experiment?: string;
  readonly point?: string;
  /** The runs of the point that are known of: with any other there it is not started (STATE_CONFLICT, `details.taken`). */
  readonly beside?: readonly RunId[];
}

/** How much may run at a time; what is not named stays as it is. */
export interface Limits {
  /** Attempts over all backends. */
  readonly jobs?: number;
  /** Attempts of a backend, by its name. */
  readonly backends?: Readonly<Record<string, number>>;
}

/** Numbers of jobs by status. */
export type Counts = Readonly<Record<Status, number>>;

/** A run as the engine sees it now. */
export interface RunView {
  readonly id: RunId;
  readonly name: string;
  readonly status: Status;
  readonly detail: Detail;
  readonly counts: Counts;
  readonly size: number;
  readonly startedAt: number;
  readonly endedAt: number;
  /** Nodes that no branch chose, or that need the value of one: they are in no count. Absent: none. */
  readonly skipped?: number;
}

/** A job as the engine sees it now. */
export interface JobView {
  readonly index: number;
  readonly id: JobId;
  readonly status: Status;
  readonly detail: Detail;
  readonly fence: number;
  readonly charged: number;
  readonly losses: number;
  /** No branch chose it, or what it needs: it is `created`, and never becomes a job. */
  readonly skipped?: true;
}

/** A job that another waits for. */
export interface WaitedFor {
  readonly job: JobId;
  /** `created` also where a condition names a job that is not there yet. */
  readonly status: Status;
  readonly edge: 'data' | 'order' | 'condition';
}

/** Why a job is where it is, as facts; the command line puts them into sentences. */
export interface Explanation {
  readonly job: JobView;
  /** Jobs it waits for, at most 20 of them: upstream ones, and those its condition names. */
  readonly waitsFor: readonly WaitedFor[];
  readonly waitsForCount: number;
  /** What it asks for and what is free, when it is queued or reserved. */
  readonly request?: ResourceRequest;
  readonly free?: readonly { readonly place: string; readonly cpus: number; readonly memoryBytes?: number }[];
  /** How many attempts may run at a time over all backends, when it waits for that. */
  readonly limit?: number;
  /** No place of its backend has as much as it asks for, not even empty: there was more when it was submitted. */
  readonly exceeds?: true;
  /** Its target wants its user, and so it is mended. */
  readonly login?: LoginNeed;
  /** What it asked for at first, where retries have asked for more since. */
  readonly first?: { readonly memoryBytes?: number; readonly timeMs?: number };
  /** The cap that it waits for: as many jobs of that name as may run do. */
  readonly cap?: { readonly name: string; readonly limit: number };
  /** The job for which what is free is being kept. */
  readonly reservedFor?: JobId;
  /** Epoch milliseconds of its dated wake-up. */
  readonly wakeAt?: number;
  readonly lastOutcome?: Outcome;
  /** For a job cancelled because of an upstream one: that one. For one that is skipped: the branch that did not choose it. */
  readonly becauseOf?: JobId;
}

/** Which jobs a steering command means. */
export type JobSelection = readonly number[] | 'all';

/** What `retry` and `rerun` may change. */
export interface RetryChanges {
  readonly resources?: Partial<ResourceRequest>;
}

/**
 * The engine: accepts runs, decides what starts when, owns the state. Everything it tells is
 * told after the commit that holds it. `EngineShell.open(options)` makes one.
 *
 * @throws {HeddleError} RUN_NOT_FOUND, JOB_NOT_FOUND, STATE_CONFLICT, RUN_OWNED, RUN_NOT_OWNED (with `details.run`), ENGINE_CLOSED,
 *   RESOURCES_IMPOSSIBLE, BACKEND_UNKNOWN, INPUT_INVALID
 */
export interface EngineApi extends AsyncDisposable {
  readonly durability: Durability;
  /** Stores a run and starts it. Resolves when the run is durable. The graph is checked by its builder. */
  start(graph: Graph, settings: StartSettings & { readonly id?: RunId }): Promise<RunId>;
  /**
   * Takes over a run that is not finished, asks every backend what became of its attempts, and goes on.
   * With `paused` nothing new is started until `unpause`: for steering a run that nobody owns.
   */
  resume(run: RunId, options?: { readonly paused?: boolean }): Promise<void>;
  /**
   * Appends nodes to a run that is not finished: `segment.base` is how many jobs it has. Taken in as it is called, so that
   * one need not wait for another; resolves when it is durable.
   */
  append(run: RunId, segment: Graph): Promise<void>;
  /** All that is known so far is all there is, for now: what waits for what cannot come fails (unsatisfiable). */
  seal(run: RunId): Promise<void>;
  /** Nothing more is added to an open run: it ends when all its jobs have. */
  close(run: RunId): Promise<void>;
  /** Changes how much may run at a time. What runs goes on. */
  limit(limits: Limits): void;
  /**
   * Asks the generator of a job that is `running (streaming)` for its next value.
   *
   * @throws {HeddleError} STREAM_ENDED
   */
  pull(run: RunId, index: number, request: StreamRequest): Promise<StreamStep>;

  /**
   * Without a selection: the whole run, which takes nothing more then, also an open one; the wish outlives a crash: whoever
   * resumes the run goes on with it. Of what is final: nothing.
   */
  cancel(run: RunId, jobs?: JobSelection): Promise<void>;
  /** Starts nothing more of this run; what runs goes on. */
  pause(run: RunId): Promise<void>;
  unpause(run: RunId): Promise<void>;
  hold(run: RunId, jobs: readonly number[]): Promise<void>;
  release(run: RunId, jobs: readonly number[]): Promise<void>;
  /** Makes failed and cancelled jobs of a finished run pending again. */
  retry(run: RunId, changes?: RetryChanges): Promise<void>;
  /** Makes these final jobs pending again, and the finished ones that took their values. */
  rerun(run: RunId, jobs: readonly number[]): Promise<void>;

  /**
   * Drops what is kept in memory of a run that has ended: of an engine that lives for months not every run can be kept. It is
   * not known here any more, but `retry` and `rerun` take it from the store again, if that keeps jobs.
   */
  forget(run: RunId): Promise<void>;

  view(run: RunId): RunView;
  job(run: RunId, index: number): JobView;
  /** Index of a job by its id; undefined when there is none. */
  indexOf(run: RunId, job: JobId): number | undefined;
  why(run: RunId, index: number): Explanation;
  /** Jobs that nothing would ever wake: there must be none. */
  stuck(run: RunId): readonly JobId[];
  /** Live attempts, for progress displays. */
  running(
    run: RunId,
  ): readonly { readonly job: JobId; readonly index: number; readonly phase: Detail; readonly sinceMs: number }[];
  /** Value of a job that is done. */
  value(run: RunId, index: number): Promise<Value | undefined>;
  /** Listener errors are contained. Returns how to stop listening. */
  listen(listener: (events: readonly EngineEvent[]) => void): () => void;
  /** Resolves when the run is final, or `pending` by interruption. */
  ended(run: RunId): Promise<RunView>;
  /** Everything submitted so far is durable. */
  committed(): Promise<void>;

  /** Starts nothing more, of any run; resolves when nothing is running. */
  drain(): Promise<void>;
  /**
   * Stops: cancels what runs (cause shutdown, nothing charged), leaves runs `pending (interrupted)`,
   * gives them up. With `detach`, recoverable attempts are left running for `resume` to adopt.
   */
  shutdown(options?: { readonly detach?: boolean }): Promise<void>;
}
