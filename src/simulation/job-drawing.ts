import type {
  AcceptMask,
  Condition,
  Definition,
  Outcome,
  Place,
  ResourceRequest,
  RetryPolicy,
  Timeouts,
} from '../model/index.ts';
import { ACCEPT_ALL, ACCEPT_CANCELLED, ACCEPT_DONE, ACCEPT_FAILED, DEFAULT_RETRY } from '../model/index.ts';
import type { Dice } from './dice.ts';
import type { NodePlan } from './graph-of.ts';
import type { JobPlan } from './scenario.ts';
import type { SiteProfile } from './site-profile.ts';

const GIB = 1024 ** 3;
const WORLD_STARTS: number = Date.UTC(2026, 0, 5, 8);

/** What a job is drawn for. */
export interface JobContext {
  readonly index: number;
  readonly earlier: readonly JobPlan[];
  readonly shape: 'mixed' | 'chain' | 'fan' | 'diamond' | 'loose';
  readonly sites: readonly SiteProfile[];
  /** How far ahead of itself its condition may look for jobs. */
  readonly later: number;
}

/** Draws a job and what its work will really do. */
export function drawJob(dice: Dice, context: JobContext): JobPlan {
  const lanes = context.sites.find((each) => each.lanes === true);
  const site = lanes !== undefined && dice.chance(0.5) ? lanes : dice.pick(context.sites);
  const durationMs = dice.chance(0.05) ? Number.POSITIVE_INFINITY : dice.pick([0, 1, 5, 50, 300, 2000, 5000]);
  const failures = dice.chance(0.65) ? 0 : dice.pick([1, 1, 2, 3, Number.POSITIVE_INFINITY]);
  const condition = dice.chance(0.2) ? drawCondition(dice, namesFor(dice, context), 0) : undefined;
  const definition: Definition = {
    name: `task${context.index}`,
    kind: dice.chance(0.5) ? 'command' : 'call',
    backend: site.name,
    resources: drawRequest(dice, site),
    retry: drawRetry(dice),
    timeouts: drawTimeouts(dice, durationMs),
    graceMs: dice.pick([0, 100, 10_000]),
    priority: dice.chance(0.2) ? dice.int(-2, 3) : 0,
    ...(condition === undefined ? {} : { condition }),
  };
  return {
    name: `j${context.index}`,
    definition,
    ...drawEdges(dice, context),
    expectedMs: Number.isFinite(durationMs) ? durationMs : 0,
    failures,
    failure: drawFailure(dice),
    durationMs,
    obeysTerm: dice.chance(0.7),
    poisonous: dice.chance(0.02),
  };
}

function drawEdges(dice: Dice, context: JobContext): Pick<NodePlan, 'data' | 'order'> {
  const { index, shape } = context;
  const data = new Set<number>();
  const order = new Map<number, AcceptMask>();
  const accept = (): AcceptMask =>
    dice.pick([ACCEPT_ALL, ACCEPT_ALL, ACCEPT_DONE, ACCEPT_FAILED, ACCEPT_DONE | ACCEPT_CANCELLED]);
  const connect = (from: number): void => {
    if (dice.chance(0.7)) data.add(from);
    else order.set(from, accept());
  };
  if (index > 0) {
    if (shape === 'chain') connect(index - 1);
    if (shape === 'fan') connect(0);
    if (shape === 'diamond') connect(index % 4 === 0 ? index - 1 : index - (index % 4));
    if (shape === 'diamond' && index % 4 === 3 && index > 2) connect(index - 2);
    if (shape === 'mixed') for (let n = dice.int(0, 3); n > 0; n -= 1) connect(dice.int(0, index - 1));
    if (shape === 'loose' && dice.chance(0.2)) connect(dice.int(0, index - 1));
  }
  return { data: [...data], order: [...order].map(([from, mask]) => ({ from, accept: mask })) };
}

function drawRequest(dice: Dice, site: SiteProfile): ResourceRequest {
  const place = site.places[0] as Place;
  const gpus = place.gpus?.length ?? 0;
  return {
    cpus: dice.chance(0.7) ? 1 : Math.min(dice.pick([0, 0.5, 2, place.cpus]), place.cpus),
    ...(dice.chance(0.15) ? { memoryBytes: dice.int(1, 4) * GIB } : {}),
    ...(gpus > 0 && dice.chance(0.3) ? { gpus: dice.int(1, gpus) } : {}),
    ...(dice.chance(0.1) ? { tokens: { licence: 1 } } : {}),
  };
}

function drawRetry(dice: Dice): RetryPolicy {
  if (dice.chance(0.4)) return DEFAULT_RETRY;
  return {
    ...DEFAULT_RETRY,
    maxAttempts: dice.int(1, 4),
    initialDelayMs: dice.pick([0, 10, 500, 5000]),
    backoffFactor: dice.pick([1, 2]),
    jitter: dice.pick([0, 0.5]),
    ...(dice.chance(0.15) ? { retryOn: [dice.pick(['error', 'exit', 'timeout', 'E_AGAIN'] as const)] } : {}),
  };
}

function drawTimeouts(dice: Dice, durationMs: number): Timeouts {
  if (!Number.isFinite(durationMs)) return dice.chance(0.5) ? { runMs: dice.int(500, 5000) } : {};
  if (dice.chance(0.9)) return {};
  return dice.pick([{ runMs: 3_600_000 }, { queueMs: 30_000 }, { startMs: 60_000 }, { heartbeatMs: 2500 }]);
}

function drawFailure(dice: Dice): Outcome {
  return dice.pick<Outcome>([
    { kind: 'exit', code: 1 },
    { kind: 'exit', code: 137, stderr: 'Killed' },
    { kind: 'signal', signal: 'SIGSEGV' },
    { kind: 'error', error: { name: 'Error', message: 'it did not work' } },
    { kind: 'error', error: { name: 'Error', message: 'not now', code: 'E_AGAIN' } },
    { kind: 'memory' },
    { kind: 'output-missing', missing: ['result.json'] },
  ]);
}

/** Names that a condition may pick from. */
function namesFor(dice: Dice, { index, earlier, later }: JobContext): readonly string[] {
  const names = earlier.map(({ name }) => name);
  for (let n = later === 0 ? 0 : dice.int(0, 2); n > 0; n -= 1) names.push(`j${index + dice.int(0, later)}`);
  return names;
}

/** Draws a condition that may name some jobs. */
export function drawCondition(dice: Dice, names: readonly string[], depth: number): Condition {
  const kind = dice.int(0, depth < 2 ? 5 : 3);
  if (kind <= 1 && names.length > 0) {
    const jobs = [...new Set([dice.pick(names), dice.pick(names)])];
    const accept = dice.pick([ACCEPT_ALL, ACCEPT_DONE, ACCEPT_DONE | ACCEPT_FAILED]);
    return { kind: 'after', jobs, accept, mode: dice.pick(['all', 'any'] as const) };
  }
  if (kind === 4 || kind === 5) {
    const conditions = [drawCondition(dice, names, depth + 1), drawCondition(dice, names, depth + 1)];
    return { kind: kind === 4 ? 'all' : 'any', conditions };
  }
  if (kind === 2) return { kind: 'before-time', at: WORLD_STARTS + dice.pick([1000, 30_000, 10_000_000]) };
  if (kind === 3) return { kind: 'custom', name: 'gate', everyMs: dice.pick([100, 1000]) };
  return { kind: 'after-time', at: WORLD_STARTS + dice.int(0, 15_000) };
}
