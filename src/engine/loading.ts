import {
  asAttemptId,
  asSubmissionId,
  type Detail,
  type FinalJobs,
  type Grant,
  HeddleError,
  JOB_CANCEL_REQUESTED,
  JOB_STOP_REQUESTED,
  type JobRow,
  type Outcome,
  type RunId,
  type RunRow,
  type Store,
  type TimeoutKind,
} from '../model/index.ts';
import type { ActorHost } from './acting.ts';
import { adopt, promoteAll } from './ahead.ts';
import { abandon, LAUNCH_REFUSED, type LiveAttempt, noteFatal } from './attempts.ts';
import { countHeld } from './caps.ts';
import {
  CANCEL_REQUESTED,
  detailCode,
  isOver,
  PENDING,
  RUNNING,
  SKIPPED,
  STOP_REQUESTED,
  statusCode,
  TOLD,
} from './codes.ts';
import type { Core } from './core.ts';
import { escalateAgain } from './escalating.ts';
import { addSegment, applyRow, type DefaultBackends, newRunState, openJobs, settleWaits } from './runs.ts';
import { retryDelayMs } from './retrying.ts';
import type { RunState } from './run-state.ts';
import { overrideResources, type StoredSettings } from './overriding.ts';

/** A run read back, and the attempts whose fate is not known. */
export interface LoadedRun {
  readonly run: RunState;
  readonly row: RunRow;
  readonly running: readonly LiveAttempt[];
}

interface LoadFrom {
  readonly id: RunId;
  readonly defaults: DefaultBackends;
  readonly breathe: () => Promise<void>;
}

/**
 * Takes a run over while nothing new is granted. Of several that are resumed together each then counts what its attempts
 * hold before any of them grants, so that what lives is never more than there is room for.
 */
export async function countFirst<Result>(
  host: Pick<ActorHost, 'core' | 'input'>,
  takeOver: () => Promise<Result>,
): Promise<Result> {
  const { core } = host;
  core.takingOver += 1;
  try {
    return await takeOver();
  } finally {
    host.input(() => {
      core.takingOver -= 1;
      promoteAll(core);
      core.grantable = true;
    });
  }
}

/** Claims a run and rebuilds its state: graph, statuses, budgets, wake-ups, and what its attempts hold. */
export async function loadRun(core: Core, store: Store, from: LoadFrom): Promise<LoadedRun> {
  const epoch = await claim(store, from.id);
  let run: RunState | undefined;
  try {
    const row = await store.run(from.id);
    if (row === undefined) throw notFound(from.id);
    run = runFrom(core, row, epoch);
    const running = await rebuild(core, store, { run, from });
    return { run, row, running };
  } catch (thrown) {
    if (run !== undefined) giveUp(core, run);
    await store.releaseRun(from.id, epoch).catch(() => undefined);
    throw thrown;
  }
}

/** Lets go of what a run that was read back holds: somebody else will look after it. */
export function giveUp(core: Core, run: RunState): void {
  for (const attempt of [...run.attemptOf.values()]) abandon(core, attempt);
}

function runFrom(core: Core, row: RunRow, epoch: number): RunState {
  const run = newRunState(core, row.id, row.name, JSON.parse(row.settings || '{}') as StoredSettings);
  run.epoch = epoch;
  run.seq = row.seq;
  run.startedAt = row.startedAt;
  run.endedAt = row.endedAt;
  run.status = row.status;
  run.detail = row.detail;
  return run;
}

/** Fills a run with its jobs; returns the attempts that were running. */
async function rebuild(
  core: Core,
  store: Store,
  { run, from }: { readonly run: RunState; readonly from: LoadFrom },
): Promise<readonly LiveAttempt[]> {
  for (const segment of await store.graph(run.id)) {
    for (const _ of addSegment(core, run, segment, from.defaults)) await from.breathe();
    run.addLate(segment);
  }
  openJobs(run, 0);
  for (const _ of run.table.rankAll(run.segments, { late: run.late })) await from.breathe();
  for (const { jobs, resources } of (run.settings as StoredSettings).overrides ?? [])
    overrideResources(run, jobs, resources);
  const cancelCause = await causeOfCancels(store, run);
  const handles = new Map((await store.submissions(run.id)).map(({ id, handle }) => [id, handle]));
  for await (const finals of store.finals(run.id)) applyFinals(run, finals);
  const running: LiveAttempt[] = [];
  for await (const rows of store.unfinished(run.id)) {
    for (const job of rows) {
      // Only what is never to be a job has a row and is none.
      const status = job.status === 'created' ? SKIPPED : statusCode(job.status);
      applyRow(run, job, { status, detail: detailCode(job.detail) });
      if (job.charged > 0 && run.definition(job.job).retry.escalate !== undefined)
        escalateAgain(core, run, job.job, await countedEnds(store, run, job));
      const live = recallJob(core, run, job, { handles, cancelCause });
      if (live !== undefined) running.push(live);
      if (job.losses > 0) await recallFatal(store, run, job);
    }
  }
  if (run.hasControls) run.openControls = countOpenControls(run);
  for (const { job } of running) settleWaits(core, run, job);
  // Nobody is left to add to a run that was open.
  run.close();
  run.told.takeAll(run);
  return running;
}

function countOpenControls(run: RunState): number {
  let open = 0;
  for (let job = 0; job < run.table.size; job += 1) if (run.isControl(job) && !isOver(run.statusOf(job))) open += 1;
  return open;
}

/** Takes back what ended before: it is told, and only a failure leaves something to say. */
function applyFinals(run: RunState, finals: FinalJobs): void {
  const { table, counts } = run;
  const { jobs, statuses, details, fences, charged, losses, outcomes } = finals;
  for (let i = 0; i < jobs.length; i += 1) {
    const job = jobs[i] as number;
    const status = statuses[i] as number;
    counts[table.status[job] as number] = (counts[table.status[job] as number] as number) - 1;
    counts[status] = (counts[status] as number) + 1;
    table.status[job] = status;
    table.detail[job] = detailCode(details[i] as Detail);
    table.fence[job] = fences[i] as number;
    table.charged[job] = charged[i] as number;
    table.losses[job] = losses[i] as number;
    table.flags[job] = TOLD;
  }
  for (const [job, outcome] of outcomes) run.remember(job, JSON.parse(outcome) as Outcome);
}

async function claim(store: Store, id: RunId): Promise<number> {
  const answer = await store.claimRun(id);
  switch (answer.kind) {
    case 'claimed':
      return answer.epoch;
    case 'not-found':
      throw notFound(id);
    case 'owned':
      throw new HeddleError('RUN_OWNED', `run ${id} is being executed by process ${answer.pid} on ${answer.host}`, {
        hint: answer.remedy ?? 'steer it from here with pause, cancel or logs; or stop that process and resume',
        details: { run: id, owner: answer.owner, host: answer.host, pid: answer.pid },
      });
  }
}

function notFound(id: RunId): HeddleError {
  return new HeddleError('RUN_NOT_FOUND', `no run is called "${id}"`, { hint: 'heddle runs lists them' });
}

/** Why attempts whose cancel was asked for are to end: a run that aborts has a failed job. */
async function causeOfCancels(store: Store, run: RunState): Promise<'user' | 'run-abort'> {
  if ((run.settings.onFailure ?? 'continue') === 'continue') return 'user';
  return ((await store.counts(run.id)).get('failed') ?? 0) > 0 ? 'run-abort' : 'user';
}

/** Finds out on which places the body of a job took its place down, by the attempts that its budget still counts. */
async function recallFatal(store: Store, run: RunState, row: JobRow): Promise<void> {
  const attempts = [...(await store.attempts(run.id, row.job)), row];
  const losses = attempts
    .filter(({ outcome }) => outcome !== '')
    .map(({ grant, outcome }) => ({ grant, outcome: JSON.parse(outcome) as Outcome }))
    .filter(({ outcome }) => outcome.kind === 'lost' || outcome.kind === 'preempted');
  for (const { grant, outcome } of losses.slice(-row.losses)) {
    if (outcome.kind === 'lost' && outcome.placeDied === true)
      noteFatal(run, row.job, (JSON.parse(grant) as Grant).place);
  }
}

/** How the attempts of a job ended that its budget of attempts still counts. One that was refused never began. */
async function countedEnds(store: Store, run: RunState, row: JobRow): Promise<readonly Outcome[]> {
  const earlier = await store.attempts(run.id, row.job);
  // What is running has not ended, whatever its end is expected to read as.
  const attempts = row.status === 'running' ? earlier : [...earlier, row];
  const ends = attempts.filter(({ outcome }) => outcome !== '').map(({ outcome }) => JSON.parse(outcome) as Outcome);
  return ends.filter((outcome) => isCharged(outcome)).slice(-row.charged);
}

function isCharged(outcome: Outcome): boolean {
  switch (outcome.kind) {
    case 'ok':
    case 'cancelled':
    case 'lost':
    case 'preempted':
      return false;
    case 'error':
      return outcome.error.name !== LAUNCH_REFUSED;
    case 'exit':
    case 'signal':
    case 'timeout':
    case 'memory':
    case 'output-missing':
      return true;
  }
}

interface Recalled {
  /** Native ids by submission. */
  readonly handles: ReadonlyMap<string, string>;
  readonly cancelCause: 'user' | 'run-abort';
}

/** Takes back what a row says beyond status and budgets; returns its attempt when that was running. */
function recallJob(core: Core, run: RunState, row: JobRow, recalled: Recalled): LiveAttempt | undefined {
  const { job } = row;
  const code = run.table.status[job];
  if (row.outcome !== '' && code === PENDING) run.remember(job, JSON.parse(row.outcome) as Outcome);
  if (code === PENDING && row.wakeAt > 0) run.wakeAt.set(job, row.wakeAt);
  if (code !== RUNNING || row.attempt === '') return undefined;
  const attempt = recallAttempt(core, run, row, recalled);
  adopt(core, attempt);
  core.attempts.set(attempt.id, attempt);
  run.attemptOf.set(job, attempt);
  run.live += 1;
  run.countGrant(attempt.grant, 1);
  countHeld(run, job, 1);
  return attempt;
}

function recallAttempt(core: Core, run: RunState, row: JobRow, { handles, cancelCause }: Recalled): LiveAttempt {
  const { job } = row;
  const backend = core.backends.get(row.backend);
  if (backend === undefined) {
    const message = `run ${run.id} has work on backend "${row.backend}", which is not configured here`;
    throw new HeddleError('BACKEND_UNKNOWN', message, {
      hint: 'resume with the configuration the run was started with',
    });
  }
  const grant = JSON.parse(row.grant) as Grant;
  const { flags } = run.table;
  const cancelled = (row.flags & JOB_CANCEL_REQUESTED) !== 0;
  const stopped = (row.flags & JOB_STOP_REQUESTED) !== 0;
  if (cancelled) flags[job] = (flags[job] as number) | CANCEL_REQUESTED;
  else if (stopped) flags[job] = (flags[job] as number) | STOP_REQUESTED;
  return {
    id: asAttemptId(row.attempt),
    run,
    job,
    fence: row.fence,
    backend,
    place: backend.placeNamed(grant.place),
    grant,
    grantJson: row.grant,
    submission: asSubmissionId(row.submission || row.attempt),
    element: row.element,
    handle: row.handle || (handles.get(row.submission) ?? ''),
    phase: 'unreachable',
    reached: 'staging-in',
    isAccepted: false,
    isLoss: false,
    silent: false,
    grantedAt: row.grantedAt,
    // Counted from what its place says, or from now.
    startedAt: 0,
    grantedMono: core.now.mono,
    lastSeen: core.now.mono,
    adopted: true,
    launched: false,
    cancel: cancelled ? cancelCause : stopped ? 'shutdown' : undefined,
    killedBy: deadlineOf(row),
    isAhead: false,
    previousAhead: undefined,
    nextAhead: undefined,
    isRecalled: false,
  };
}

/** The deadline for which a running attempt was being ended. */
function deadlineOf(row: JobRow): TimeoutKind | undefined {
  const outcome = row.outcome === '' ? undefined : (JSON.parse(row.outcome) as Outcome);
  return outcome?.kind === 'timeout' ? outcome.timeout : undefined;
}

/**
 * Sets the timers of the wake-ups a run was read back with, once it is in `core.runs`: before that a timer that is due
 * means nothing. A wait is not longer after a clock jump than its policy ever makes one.
 */
export function armWakeUps(core: Core, run: RunState): void {
  for (const [job, wakeAt] of run.wakeAt) {
    const policy = run.definition(job).retry;
    const longest = Math.max(retryDelayMs(policy, run.table.charged[job] as number, 0), core.settings.refusalDelayMs);
    const left = Math.min(Math.max(0, wakeAt - core.now.wall), longest);
    core.timers.add(core.now.mono + left, 'backoff', { run, job, fence: run.table.fence[job] as number });
  }
}
