import {
  type AttemptId,
  attemptIds,
  type Backend,
  type Detail,
  type EngineEvent,
  type Instant,
  isFinal,
  type Outcome,
  type Random,
  type ResourceAmounts,
  type RunId,
  type Status,
} from '../model/index.ts';
import type { EngineOptions, Strategy } from './api.ts';
import type { LiveAttempt } from './attempts.ts';
import { ChurningMap } from './churning-map.ts';
import { detailCode, detailOf, KEPT_FLAGS, SKIPPED, statusCode, statusOf } from './codes.ts';
import type { ReadyControl } from './controls.ts';
import { Outbox, type RowDraft } from './outbox.ts';
import type { DeviceUse } from './devices.ts';
import { BackendState, type Pool, poolOf } from './places.ts';
import type { Head } from './ready-queue.ts';
import type { RunState } from './run-state.ts';
import { Timers } from './timers.ts';

export interface CoreSettings {
  readonly strategy: Strategy;
  /** The most one job may ask for. */
  readonly perTask: ResourceAmounts;
  readonly reserveAfterMs: number;
  readonly recheckMs: number;
  /** Before a refused launch is tried again. */
  readonly refusalDelayMs: number;
  /** Rows of jobs are wanted: there is a store that keeps them. */
  readonly keepRows: boolean;
  readonly random: Random;
  readonly newAttemptId: () => AttemptId;
  /** Somebody looks for earlier results. */
  readonly asks: boolean;
  /** The word of a custom condition, asked for at its pace; contains what user code throws. */
  readonly judge: (name: string, everyMs: number) => boolean;
}

/** What of an engine's options its core goes by. */
export function coreSettings(options: EngineOptions, judge: CoreSettings['judge']): CoreSettings {
  return {
    strategy: options.strategy ?? 'priority',
    perTask: options.perTask ?? {},
    reserveAfterMs: options.reserveAfterMs ?? 60_000,
    recheckMs: options.recheckMs ?? 15_000,
    refusalDelayMs: 1000,
    keepRows: options.store.keepsJobs,
    random: options.random,
    newAttemptId: attemptIds(options.random),
    asks: options.reuse !== undefined,
    judge,
  };
}

/** A job whose end is to be told, and how far that got: the next edge, then the next gate. */
export interface FinalJob {
  readonly run: RunState;
  readonly job: number;
  edge: number | undefined;
  gate: number;
}

/**
 * The state of the engine. The functions of this folder change it: an input comes in (a report,
 * a timer, a wish of the user), decisions come out in `out`, and nothing else happens: no clock is
 * read, no chance drawn but from `random`, no I/O done. The shell sets `now`, calls them,
 * commits `out`, and only then acts on it.
 */
export class Core {
  readonly settings: CoreSettings;
  readonly runs: Map<RunId, RunState> = new Map();
  readonly attempts: ChurningMap<AttemptId, LiveAttempt> = new ChurningMap();
  readonly backends: Map<string, BackendState> = new Map();
  readonly timers: Timers = new Timers();
  /** Free tokens by name, engine-wide, and all there are. */
  readonly tokens: Map<string, number> = new Map();
  readonly allTokens: ReadonlyMap<string, number>;
  /** What there is in all, where somebody has said so. */
  readonly pool: Pool | undefined;
  #capacity: Required<ResourceAmounts> | undefined;
  /** How much of their devices is held, by machine. */
  readonly #devices: Map<string, DeviceUse> = new Map();
  out: Outbox = new Outbox();
  /** Work that would hold the loop too long in one go. Each step is some thousand jobs. */
  readonly chores: Generator<void>[] = [];
  /** Jobs that ended and whose dependents have not been told yet: taken in slices. */
  readonly finals: FinalJob[] = [];
  /** How many of `finals` have been taken. */
  finalsTaken = 0;
  /** Jobs whose conditions name so many others that looking them up is a chore. */
  readonly longConditions: { readonly run: RunState; readonly job: number }[] = [];
  /** Control nodes that wait to be taken. */
  readonly controls: ReadyControl[] = [];
  readonly notices: EngineEvent[] = [];
  /** Runs that may have come to wait for themselves. */
  readonly suspects: Set<RunState> = new Set();
  /** Something may have become grantable. */
  grantable = false;
  /** How often grants have been looked for. */
  grantRounds = 0;
  /** No more attempts than these at a time, over all backends. */
  mostAttempts: number = Infinity;
  /** Runs being taken over: what their attempts hold has to be counted before anything new is granted. */
  takingOver = 0;
  /** Attempts that hold something: those sent ahead do not until there is room. */
  holding = 0;
  /** Grants nothing at all: the engine drains or has stopped. */
  draining = false;
  now: Instant = { mono: 0, wall: 0 };
  #runOrder = 0;

  constructor(settings: CoreSettings, { tokens = {}, totals = {} }: Pick<EngineOptions, 'tokens' | 'totals'>) {
    this.settings = settings;
    this.pool = poolOf(totals.cpus, totals.memoryBytes);
    this.allTokens = new Map(Object.entries(tokens));
    for (const [name, count] of this.allTokens) this.tokens.set(name, count);
  }

  addBackend(backend: Backend, before: (a: Head, b: Head) => boolean): BackendState {
    const state = new BackendState(backend, {
      before,
      devicesOf: (machine) => this.#devicesOf(machine),
      neverAhead: this.pool !== undefined,
    });
    this.backends.set(backend.name, state);
    return state;
  }

  /** What there is over all backends, now. */
  get capacity(): Required<ResourceAmounts> {
    this.#capacity ??= this.#countCapacity();
    return this.#capacity;
  }

  /** Some backend offers other places than before. */
  placesChanged(): void {
    this.#capacity = undefined;
    this.grantable = true;
  }

  #countCapacity(): Required<ResourceAmounts> {
    let cpus = 0;
    let memoryBytes = 0;
    let gpus = 0;
    for (const { places } of this.backends.values()) {
      for (const { place } of places) {
        cpus += place.cpus;
        memoryBytes += place.memoryBytes ?? 0;
        gpus += place.gpus?.length ?? 0;
      }
    }
    return { cpus, memoryBytes, gpus };
  }

  #devicesOf(machine: string): DeviceUse {
    const known = this.#devices.get(machine);
    if (known !== undefined) return known;
    const made: DeviceUse = new Map();
    this.#devices.set(machine, made);
    return made;
  }

  nextRunOrder(): number {
    this.#runOrder += 1;
    return this.#runOrder;
  }

  notice(code: string, message: string, run?: RunState): void {
    const at = this.now.wall;
    this.notices.push({ kind: 'notice', code, message, at, ...(run === undefined ? {} : { run: run.id }) });
  }

  /** Takes what has been decided, for one commit. */
  takeOutbox(): Outbox {
    const { out } = this;
    if (this.notices.length > 0) out.notices = this.notices.splice(0);
    this.out = new Outbox();
    return out;
  }

  /** Something to commit or to do is at hand, or could be found by looking. */
  get isBusy(): boolean {
    return (
      !this.out.isEmpty ||
      this.chores.length > 0 ||
      this.longConditions.length > 0 ||
      this.finalsTaken < this.finals.length ||
      this.notices.length > 0 ||
      (this.controls.length > 0 && !this.draining) ||
      (this.grantable && !this.draining && this.takingOver === 0)
    );
  }
}

/** What a change of a job brings along. */
export interface Change {
  /** The attempt the change is about; absent: the row keeps what it says of the latest attempt. */
  readonly attempt?: LiveAttempt;
  /** JSON of the attempt's outcome. */
  readonly outcomeJson?: string;
  readonly outcome?: Outcome;
  readonly endedAt?: number;
  /** Of what has no attempt. */
  readonly startedAt?: number;
}

/** The one place where a job's status changes: columns, counts, journal and row together. */
export function change(core: Core, run: RunState, job: number, to: Status, detail: Detail, by: Change = {}): void {
  const { table, counts } = run;
  const fromCode = table.status[job] as number;
  const toCode = statusCode(to);
  table.status[job] = toCode;
  table.detail[job] = detailCode(detail);
  if (fromCode !== toCode) {
    counts[fromCode] = (counts[fromCode] as number) - 1;
    counts[toCode] = (counts[toCode] as number) + 1;
  }
  journal(core, run, job, { from: statusOf(fromCode), to, detail, by });
  if (core.settings.keepRows) keepRow(core, run, job, by);
}

/** A node that will never be a job: no step of one is journalled, but its row says so. */
export function markSkipped(core: Core, run: RunState, job: number): void {
  const { table, counts } = run;
  const fromCode = table.status[job] as number;
  table.status[job] = SKIPPED;
  table.detail[job] = detailCode('');
  counts[fromCode] = (counts[fromCode] as number) - 1;
  counts[SKIPPED] = (counts[SKIPPED] as number) + 1;
  const draft = core.out.draft(run);
  draft.skipped ??= new Set();
  draft.skipped.add(job);
  core.out.size += 1;
  if (core.settings.keepRows) keepRow(core, run, job);
}

function journal(
  core: Core,
  run: RunState,
  job: number,
  step: { readonly from: Status; readonly to: Status; readonly detail: Detail; readonly by: Change },
): void {
  const { from, to, detail, by } = step;
  const fence = run.table.fence[job] as number;
  const at = core.now.wall;
  core.out
    .draft(run)
    .transitions.push(
      by.outcome === undefined
        ? { job, from, to, detail, fence, at }
        : { job, from, to, detail, fence, at, outcome: by.outcome },
    );
  core.out.size += 1;
}

/** What the end of a live attempt will read as, when that is known before it comes: a deadline's doing. */
function expectedOutcome(attempt: LiveAttempt | undefined): string {
  return attempt?.killedBy === undefined ? '' : JSON.stringify({ kind: 'timeout', timeout: attempt.killedBy });
}

/** A step within an attempt: journalled and told, but the row stays as it is. */
export function changePhase(core: Core, run: RunState, job: number, detail: Detail): void {
  run.table.detail[job] = detailCode(detail);
  journal(core, run, job, { from: 'running', to: 'running', detail, by: {} });
}

/** Writes the job's row as it stands now. */
export function keepRow(core: Core, run: RunState, job: number, by: Change = {}): void {
  core.out.draft(run).rows.push(rowDraft(run, job, by));
  core.out.size += 1;
}

/** An attempt that travels alone is its own submission: the row need not say so. */
function isItsOwn(attempt: LiveAttempt): boolean {
  return (attempt.submission as string) === attempt.id;
}

function rowDraft(run: RunState, job: number, by: Change): RowDraft {
  const { table } = run;
  const { attempt } = by;
  const fence = table.fence[job] as number;
  return {
    thin: attempt === undefined && fence > 0,
    row: {
      job,
      status: statusOf(table.status[job] as number),
      detail: detailOf(table.detail[job] as number),
      fence,
      charged: table.charged[job] as number,
      losses: table.losses[job] as number,
      attempt: attempt?.id ?? '',
      backend: attempt?.backend.name ?? '',
      grant: attempt?.grantJson ?? '',
      submission: attempt === undefined || isItsOwn(attempt) ? '' : attempt.submission,
      element: attempt?.element ?? 0,
      handle: attempt?.handle ?? '',
      grantedAt: attempt?.grantedAt ?? 0,
      startedAt: attempt?.startedAt ?? by.startedAt ?? 0,
      endedAt: by.endedAt ?? 0,
      wakeAt: isFinal(statusOf(table.status[job] as number)) ? 0 : (run.wakeAt.get(job) ?? 0),
      flags: (table.flags[job] as number) & KEPT_FLAGS,
      outcome: by.outcomeJson ?? expectedOutcome(attempt),
    },
  };
}
