import type { ControlNode, Expand, Expansion, LateEdge } from '../engine/index.ts';
import { ACCEPT_ALL, DEFAULT_GRACE_MS, DEFAULT_RETRY, type Definition, type Value } from '../model/index.ts';
import { Dice } from './dice.ts';
import { graphOf } from './graph-of.ts';
import { drawCondition, drawJob } from './job-drawing.ts';
import type { JobPlan, RunPlan } from './scenario.ts';
import type { SiteProfile } from './site-profile.ts';

/** What a control node of a simulated run does. As JSON it is its payload. */
export type ControlSketch =
  /** So many bodies at once, and then a control node that does so again for so many turns more. */
  | {
      readonly kind: 'spawn';
      readonly gather: string;
      readonly ends: 'well' | 'throws' | 'error' | 'skipped' | 'unfit';
      readonly bodies: number;
      readonly turns: number;
      /** So deep its bodies may be control nodes again. */
      readonly depth: number;
      /** At most so many of its bodies run at a time. */
      readonly cap?: number;
    }
  | { readonly kind: 'gather'; readonly settled: boolean };

export type Spawn = ControlSketch & { readonly kind: 'spawn' };

/** What the nodes of expansions are drawn from: the same for the same node, whoever asks and however often. */
export interface ExpansionContext {
  readonly seed: number;
  readonly sites: readonly SiteProfile[];
}

const CHANCE_OF_CONTROLS = 0.35;

/** Gives some runs control nodes. What else a seed draws stays as it is. */
export function drawControls(plan: RunPlan, context: ExpansionContext): RunPlan {
  const dice = new Dice(context.seed, `controls ${plan.name}`);
  if (plan.open === true || plan.segments.length > 0 || !dice.chance(CHANCE_OF_CONTROLS)) return plan;
  const jobs = [...plan.jobs];
  for (let n = dice.int(1, 3); n > 0; n -= 1) addGroup(dice, jobs, context);
  return { ...plan, jobs, expansions: context };
}

/** A control node that spawns, the one that gathers, and who takes their values. */
function addGroup(dice: Dice, jobs: JobPlan[], { sites }: ExpansionContext): void {
  const at = jobs.length;
  const earlier = [...new Set([dice.int(0, at), dice.int(0, at), dice.int(0, at)])].filter((job) => job < at);
  const isData = dice.chance(0.6);
  const names = jobs.map(({ name }) => name);
  const condition = dice.chance(0.15) ? { condition: drawCondition(dice, names, 0) } : {};
  const spawned = { ...controlPlan(`j${at}`, drawSpawn(dice, `j${at + 1}`, 2), condition) };
  jobs.push({
    ...spawned,
    data: isData ? earlier : [],
    order: isData ? [] : earlier.map((from) => ({ from, accept: ACCEPT_ALL })),
  });
  const gather = controlPlan(`j${at + 1}`, { kind: 'gather', settled: dice.chance(0.5) });
  jobs.push(dice.chance(0.6) ? { ...gather, order: [{ from: at, accept: ACCEPT_ALL }] } : { ...gather, data: [at] });
  for (let n = dice.int(0, 2); n > 0; n -= 1) {
    const drawn = drawJob(dice, { index: jobs.length, earlier: jobs, shape: 'loose', sites, later: 0 });
    const from = dice.chance(0.8) ? at + 1 : at;
    const waits = dice.chance(0.15) ? { condition: awaitBody(dice, `j${at}`) } : {};
    jobs.push({
      ...drawn,
      definition: { ...drawn.definition, ...waits },
      ...(dice.chance(0.7) ? { data: [from], order: [] } : { data: [], order: [{ from, accept: ACCEPT_ALL }] }),
    });
  }
}

function awaitBody(dice: Dice, control: string): NonNullable<Definition['condition']> {
  return { kind: 'after', jobs: [`${control}/${dice.int(0, 3)}`], accept: ACCEPT_ALL, mode: 'all' };
}

function drawSpawn(dice: Dice, gather: string, depth: number): Spawn {
  return {
    kind: 'spawn',
    gather,
    ends: dice.chance(0.75) ? 'well' : dice.pick(['throws', 'error', 'skipped', 'skipped', 'unfit'] as const),
    bodies: dice.pick([0, 1, 1, 2, 3, 6]),
    turns: dice.pick([0, 0, 0, 1, 2]),
    depth,
    ...(dice.chance(0.4) ? { cap: dice.int(1, 2) } : {}),
  };
}

function controlPlan(name: string, control: ControlSketch, more: Partial<Definition> = {}): JobPlan {
  const definition: Definition = {
    name: control.kind,
    kind: 'control',
    resources: { cpus: 1 },
    retry: DEFAULT_RETRY,
    timeouts: {},
    graceMs: DEFAULT_GRACE_MS,
    priority: 0,
    ...more,
  };
  return {
    name,
    definition,
    data: [],
    order: [],
    expectedMs: 0,
    failures: 0,
    failure: { kind: 'exit', code: 1 },
    durationMs: 0,
    obeysTerm: true,
    poisonous: false,
    control,
    payload: JSON.stringify({ control }),
  };
}

/** What one control node becomes. */
export interface PlannedExpansion {
  readonly jobs: readonly JobPlan[];
  readonly late: readonly LateEdge[];
}

/** What a control node that spawns becomes, drawn from its name: whoever asks, and however often, is told the same. */
export function planExpansion(
  context: ExpansionContext,
  spawn: Spawn,
  at: {
    readonly run: string;
    readonly job: string;
    readonly index: number;
    readonly base: number;
    readonly to: number;
  },
): PlannedExpansion {
  const { base, index, job, to } = at;
  const dice = new Dice(context.seed, `expansion ${at.run} ${job}`);
  const jobs: JobPlan[] = [];
  const late: LateEdge[] = [];
  const add = (plan: JobPlan, isLate = true): void => {
    if (isLate) late.push({ from: base + jobs.length, to, accept: ACCEPT_ALL });
    jobs.push(plan);
  };
  const cap = spawn.cap === undefined ? {} : { cap: { name: job.split('/', 1)[0] as string, limit: spawn.cap } };
  for (let i = 0; i < spawn.bodies; i += 1) {
    const here = base + jobs.length;
    const name = `${job}/${i}`;
    if (spawn.depth > 0 && dice.chance(0.2)) {
      const inner = drawSpawn(dice, `${name}+`, spawn.depth - 1);
      add({
        ...controlPlan(name, { ...inner, bodies: Math.min(2, inner.bodies) }),
        data: dice.chance(0.5) ? [index] : [],
      });
      add({
        ...controlPlan(`${name}+`, { kind: 'gather', settled: dice.chance(0.5) }),
        order: [{ from: here, accept: ACCEPT_ALL }],
      });
      continue;
    }
    const drawn = drawJob(dice, { index: here, earlier: [], shape: 'loose', sites: context.sites, later: 0 });
    const before = i > 0 && dice.chance(0.2) ? [here - 1] : dice.chance(0.3) ? [index] : [];
    add({ ...drawn, name, definition: { ...drawn.definition, ...cap }, data: before, order: [] });
  }
  if (spawn.turns > 0) {
    const order = jobs.map((_, i) => ({ from: base + i, accept: ACCEPT_ALL }));
    add({ ...controlPlan(`${job}/then`, { ...spawn, turns: spawn.turns - 1 }), order });
  }
  return { jobs, late };
}

/** The value of a control node: its name, and of one that gathers how all it waits for has ended. */
export function controlValue(job: string, ends: readonly string[] = []): Value {
  return { codec: 'json', json: JSON.stringify({ control: job, ends }) };
}

/** Expands the control nodes of simulated runs. */
export function expandPlanned(context: ExpansionContext, nameOf: (run: string) => string): Expand {
  return (node) => {
    const { control } = JSON.parse(node.payload) as { readonly control: ControlSketch };
    if (control.kind === 'gather') return gathered(node, control.settled);
    const to = node.indexOf(control.gather) ?? -1;
    const at = { run: nameOf(node.run), job: node.job, index: node.index, base: node.base, to };
    return new Dice(context.seed, `steps ${node.job}`).chance(0.3)
      ? stepByStep(() => spawned(context, control, at))
      : spawned(context, control, at);
  };
}

function* stepByStep(made: () => Expansion): Generator<void, Expansion> {
  yield;
  yield;
  return made();
}

function spawned(context: ExpansionContext, control: Spawn, at: Parameters<typeof planExpansion>[2]): Expansion {
  if (control.ends === 'throws') throw new Error('it cannot be expanded');
  if (control.ends === 'error') return { error: { name: 'Error', message: 'it will not be expanded' } };
  if (control.ends === 'skipped') return { skipped: true };
  const { jobs, late } = planExpansion(context, control, at);
  const isUnfit = control.ends === 'unfit';
  if (jobs.length === 0)
    return isUnfit ? { lateEdges: [{ from: 0, to: 0, accept: 0 }] } : { value: controlValue(at.job) };
  const segment = graphOf(jobs, 'expansion', at.base);
  const fitting = isUnfit ? { ...segment, base: at.base + 1 } : segment;
  return { segment: fitting, lateEdges: late, value: controlValue(at.job) };
}

function gathered(node: ControlNode, settled: boolean): Expansion {
  const ends = node.upstreams.map((from) => node.upstream(from)?.status ?? 'unknown');
  if (!settled && ends.some((end) => end === 'failed' || end === 'cancelled'))
    return { error: { name: 'GatherError', message: 'not all ended well' } };
  return { value: controlValue(node.job, ends) };
}
