import type { EngineApi, JobView } from '../engine/index.ts';
import {
  type Grant,
  isFinal,
  type JobRow,
  type Place,
  type ResourceAmounts,
  type ResourceRequest,
} from '../model/index.ts';
import { isAlive, type Ledger } from './body.ts';
import { isAccepted, isOver, type RunFacts, storedStatus, truthOf } from './facts.ts';
import type { Life } from './life.ts';
import type { SimulatedDisk, StoredRun } from './simulated-disk.ts';
import type { SimulatedSite } from './simulated-site.ts';
import type { World } from './world.ts';

export interface SettledContext {
  readonly world: World;
  readonly disk: SimulatedDisk;
  readonly ledger: Ledger;
  readonly sites: readonly SimulatedSite[];
  readonly facts: ReadonlyMap<string, RunFacts>;
  readonly tokens: Readonly<Record<string, number>>;
  readonly totals: Pick<ResourceAmounts, 'cpus' | 'memoryBytes'>;
  readonly isGateOpen: boolean;
}

/**
 * What must be true when an engine has nothing under way at this instant: what it believes is what the
 * store has, and every job that is not final waits for something that is so (I4, and the rule that
 * each has a live attempt, a dated wake-up or a named wait).
 */
export function checkSettled(life: Life, context: SettledContext): void {
  const { engine } = life;
  if (engine === undefined || life.closing) return;
  for (const facts of context.facts.values()) {
    const stored = context.disk.get(facts.id);
    if (stored === undefined || stored.row.owner !== life.owner || isFinal(stored.row.status)) continue;
    if (!life.holds.has(facts.id)) continue;
    const { size } = engine.view(facts.id);
    if (size !== stored.row.size) {
      context.world.fail(
        'view',
        `${facts.plan.name} has ${size} jobs to the engine, and ${stored.row.size} in the store`,
      );
      return;
    }
    for (let job = 0; job < size; job += 1) {
      checkJob({ life, engine, facts, stored, context }, engine.job(facts.id, job));
      if (context.world.violation !== undefined) return;
    }
  }
}

interface JobContext {
  readonly life: Life;
  readonly engine: EngineApi;
  readonly facts: RunFacts;
  readonly stored: StoredRun;
  readonly context: SettledContext;
}

function checkJob(at: JobContext, view: JobView): void {
  const { facts, stored, context } = at;
  const said = `${facts.plan.name}/${view.id} is ${view.status} (${view.detail}) #${view.fence}`;
  const fail = (invariant: string, message: string): void => context.world.fail(invariant, `${said} ${message}`);
  const status = storedStatus(stored, view.index);
  if ((view.skipped === true) !== (status === 'created')) fail('view', `to the engine, and ${status} in the store`);
  if (view.status !== status) fail('view', `to the engine, and ${status} in the store`);
  const row = stored.jobs.get(view.index);
  if (row !== undefined && row.fence !== view.fence) fail('view', `to the engine, and #${row.fence} in the store`);
  if (view.status === 'running') checkRunning(at, view, fail);
  if (view.status === 'pending') checkPending(at, view, fail);
}

/** A running job has a body that lives, news of it on the way, or a dated look at it. */
function checkRunning(at: JobContext, view: JobView, fail: (invariant: string, message: string) => void): void {
  const row = at.stored.jobs.get(view.index);
  const body = row === undefined ? undefined : at.context.ledger.bodies.get(row.attempt);
  if (row !== undefined && row.grant === '' && view.detail !== 'unreachable') fail('I1', 'without a grant in its row');
  if (body !== undefined && isAlive(body)) {
    const site = at.context.sites.find((each) => each.profile.name === body.site);
    const isKept = site?.profile.recoverable === true && !site.profile.batches && body.toldTo === at.life.process;
    if (isKept && row?.handle !== body.handle)
      fail('handle', `and its row says '${row?.handle}', not '${body.handle}'`);
    return;
  }
  if (at.engine.why(at.facts.id, view.index).wakeAt !== undefined) return;
  // Gone, and not lost before a successor is granted: it waits for that like any that is queued.
  if (view.detail === 'unreachable' && body?.state !== 'ended') return;
  if (at.context.sites.some((site) => site.hasNewsFor(row?.attempt ?? ''))) return;
  fail('waits', 'though no body of it lives, and no news of it is on the way');
}

function checkPending(at: JobContext, view: JobView, fail: (invariant: string, message: string) => void): void {
  const { facts, stored, context } = at;
  const plan = facts.job(view.index);
  switch (view.detail) {
    case 'blocked': {
      const upstream = [...plan.data, ...plan.order.map(({ from }) => from)];
      const isDated = at.engine.why(facts.id, view.index).wakeAt !== undefined;
      // In a run that is open an end that is not accepted fails nobody before it is sealed.
      const isDoomed = plan.order.some((edge) => isOver(stored, edge.from) && !isAccepted(stored, edge));
      if (!isDated && !(facts.plan.open === true && isDoomed) && upstream.every((from) => isOver(stored, from)))
        fail('waits', 'though all it needs has ended');
      return;
    }
    case 'condition':
    case 'time': {
      const { condition } = plan.definition;
      if (condition === undefined) return fail('waits', 'without a condition');
      const truth = truthOf(condition, {
        wall: context.world.wall,
        deadlineWall: context.world.latestWall,
        gateOpen: false,
        statusOf: (name) => storedStatus(stored, facts.indexOf(name)),
      });
      // A jump of the wall clock is noticed when something happens, or within half a minute.
      if (truth === 'true' && context.world.sinceJumpMs > 31_000) fail('waits', 'though its condition is true');
      return;
    }
    case 'backoff':
      if ((stored.jobs.get(view.index)?.wakeAt ?? 0) === 0) fail('waits', 'without a dated wake-up');
      return;
    case 'queued':
      checkQueued(at, view, fail);
      return;
    default:
  }
}

/** I4: nothing that fits waits while it fits, but for what is being kept. */
function checkQueued(at: JobContext, view: JobView, fail: (invariant: string, message: string) => void): void {
  const { facts, context, engine } = at;
  const { definition } = facts.job(view.index);
  const why = engine.why(facts.id, view.index);
  const mayStop = facts.plan.onFailure !== 'continue' || facts.isCancelOfAllWished;
  if (facts.wasPaused || mayStop || at.life.disowned) return;
  if (facts.job(view.index).control !== undefined) return fail('I4', 'though nothing keeps it from being expanded');
  if (why.cap !== undefined) {
    if (heldOf(why.cap.name, at) < why.cap.limit) fail('cap', `though fewer than ${why.cap.limit} of its name run`);
    return;
  }
  // A retry may have changed what it asks for.
  const request = why.request ?? definition.resources;
  const site = context.sites.find((each) => each.profile.name === definition.backend);
  if (site === undefined || !site.isPlain || !tokensFree(request, at)) return;
  if (!totalsFree(request, at)) return;
  if (why.reservedFor !== undefined) return;
  for (const place of site.places) {
    const used = held(place.name, site.profile.name, at);
    if (fits(request, place, used)) return fail('I4', `though ${place.name} has room for it: ${JSON.stringify(why)}`);
    const hasTotals = Object.keys(context.totals).length > 0;
    const mayGoAhead = !hasTotals && site.profile.lanes === true && definition.cap === undefined;
    if (mayGoAhead && fitsInLine(request, place, used))
      return fail('I4', `though it could be sent ahead to ${place.name}: ${JSON.stringify(why)}`);
  }
}

/** How many jobs of a cap's name hold something, or may. */
function heldOf(cap: string, { facts, stored }: JobContext): number {
  const running = [...stored.jobs.values()].filter(({ status, grant }) => status === 'running' && grant !== '');
  return running.filter(({ job }) => facts.job(job).definition.cap?.name === cap).length;
}

/** Where every attempt takes a cpu it is plain how many stand in line. */
function fitsInLine(request: ResourceRequest, place: Place, used: Held): boolean {
  const { memoryBytes = 0, gpus = 0, tokens = {} } = request;
  if (request.cpus !== 1 || memoryBytes + gpus + Object.keys(tokens).length > 0) return false;
  return used.areAllWhole && used.cpus - place.cpus < (place.ahead ?? 0);
}

interface Held {
  cpus: number;
  memory: number;
  /** How much of each device. */
  readonly gpus: Map<number, number>;
  /** Each holds, or will hold, exactly one cpu. */
  areAllWhole: boolean;
}

/** What of a place is in use by runs of this engine, by the rows: all that says `running` counts. */
function held(place: string, backend: string, at: JobContext): Held {
  const sum: Held = { cpus: 0, memory: 0, gpus: new Map(), areAllWhole: true };
  for (const grant of liveGrants(at, backend)) {
    if (grant.place !== place) continue;
    sum.cpus += grant.cpus;
    sum.areAllWhole &&= grant.cpus === 1;
    sum.memory += grant.memoryBytes ?? 0;
    for (const gpu of grant.gpus ?? []) sum.gpus.set(gpu, (sum.gpus.get(gpu) ?? 0) + (grant.gpuShare ?? 1));
  }
  return sum;
}

function* liveGrants(at: JobContext, backend: string | undefined): Generator<Grant> {
  for (const stored of at.context.disk.runs.values()) {
    if (stored.row.owner !== at.life.owner) continue;
    for (const row of stored.jobs.values()) {
      if (row.status !== 'running' || row.grant === '' || (backend !== undefined && row.backend !== backend)) continue;
      if (row.detail !== 'unreachable' || mayHold(row, stored, at)) yield JSON.parse(row.grant) as Grant;
    }
  }
}

/** An attempt that does not answer holds its grant until it is known to be gone. */
function mayHold(row: JobRow, stored: StoredRun, at: JobContext): boolean {
  const { ledger, sites } = at.context;
  const body = ledger.bodies.get(row.attempt);
  const isKnownGone = body === undefined ? ledger.fenced.has(row.attempt) : !isAlive(body) && body.state !== 'ended';
  if (!isKnownGone || sites.some((site) => site.hasNewsFor(row.attempt))) return true;
  const { id } = stored.row;
  return at.life.holds.has(id) && at.engine.why(id, row.job).wakeAt !== undefined;
}

function fits(request: ResourceRequest, place: Place, used: Held): boolean {
  return (
    request.cpus <= place.cpus - used.cpus + 1e-9 &&
    (request.memoryBytes ?? 0) <= (place.memoryBytes ?? Number.POSITIVE_INFINITY) - used.memory &&
    devicesFree(request.gpus ?? 0, place, used)
  );
}

function devicesFree(wanted: number, { gpus = [] }: Place, used: Held): boolean {
  if (wanted === 0) return true;
  const most = wanted < 1 ? 1 - wanted + 1e-9 : 0;
  const free = gpus.filter((gpu) => (used.gpus.get(gpu) ?? 0) <= most);
  return free.length >= Math.max(1, wanted);
}

/** Whether what all places may give away together leaves room. */
function totalsFree(request: ResourceRequest, at: JobContext): boolean {
  const { cpus = Number.POSITIVE_INFINITY, memoryBytes = Number.POSITIVE_INFINITY } = at.context.totals;
  let free = { cpus, memoryBytes };
  for (const grant of liveGrants(at, undefined))
    free = { cpus: free.cpus - grant.cpus, memoryBytes: free.memoryBytes - (grant.memoryBytes ?? 0) };
  return request.cpus <= free.cpus + 1e-9 && (request.memoryBytes ?? 0) <= free.memoryBytes;
}

function tokensFree(request: ResourceRequest, at: JobContext): boolean {
  for (const [name, count] of Object.entries(request.tokens ?? {})) {
    let free = at.context.tokens[name] ?? 0;
    for (const grant of liveGrants(at, undefined)) free -= grant.tokens?.[name] ?? 0;
    if (free < count) return false;
  }
  return true;
}
