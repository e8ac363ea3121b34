import type { ControlNode, Expand } from '../engine/index.ts';
import { isFinal, type JobRow, type OwnerId, type RunCommit, type Transition } from '../model/index.ts';
import { expandPlanned, planExpansion, type Spawn } from './control-plans.ts';
import { type RunFacts, storedStatus } from './facts.ts';
import type { Scenario } from './scenario.ts';
import type { SimulatedDisk, StoredRun } from './simulated-disk.ts';
import type { World } from './world.ts';

/** What must be true of control nodes: expanded once, with all that was there, and what no branch chose never runs. */

interface ExpandContext {
  readonly world: World;
  readonly scenario: Scenario;
  readonly disk: SimulatedDisk;
  /** Whose engine asks. */
  readonly owner: OwnerId;
  readonly factsOf: (run: string) => RunFacts | undefined;
}

/** Expands control nodes, and sees to it that what they are told is what is committed (I3). */
export function checkedExpand(context: ExpandContext): Expand {
  const { scenario, factsOf } = context;
  const expand = expandPlanned(scenario, (run) => factsOf(run)?.plan.name ?? run);
  return (node) => {
    const stored = context.disk.get(node.run);
    const facts = factsOf(node.run);
    // One that has lost the run without knowing may still ask: nothing comes of it.
    if (facts !== undefined && stored?.row.owner === context.owner) checkInputs(context.world, facts, stored, node);
    return expand(node);
  };
}

function checkInputs(world: World, facts: RunFacts, stored: StoredRun, node: ControlNode): void {
  world.trace(() => `${node.job} is expanded`);
  const fail = (message: string): void => world.fail('expansion', `${facts.plan.name}/${node.job} ${message}`);
  const plan = facts.job(node.index);
  // What another node became may be decided and not be committed yet.
  if (stored.row.size > node.base) fail(`is to begin at ${node.base}, and ${stored.row.size} jobs are there`);
  const wanted = [...plan.data, ...plan.order.map(({ from }) => from)];
  if (wanted.join() !== node.upstreams.join())
    fail(`waits for ${wanted.join()}, and is told of ${node.upstreams.join()}`);
  for (const from of wanted) {
    const told = node.upstream(from);
    const status = storedStatus(stored, from);
    const said = told?.status === 'skipped' ? 'created' : told?.status;
    if (said !== status) fail(`is told that j${from} is ${told?.status}, and the store has ${status}`);
    const value = status === 'done' ? stored.values.get(from) : undefined;
    if (told?.value?.codec !== value?.codec || JSON.stringify(told?.value) !== JSON.stringify(value))
      fail(`is told another value of j${from} than the store has`);
  }
}

interface CommitContext {
  readonly world: World;
  readonly facts: RunFacts;
  readonly commit: RunCommit;
  readonly after: StoredRun;
}

/** The end of a control node and what it became are one commit, and there is one. */
export function checkExpansions({ world, facts, commit, after }: CommitContext): void {
  const fail = (message: string): void => world.fail('expansion', `${facts.plan.name} ${message}`);
  if (facts.plan.expansions === undefined) return;
  const ends = commit.transitions.filter(
    (step) => step.to === 'done' && facts.jobs[step.job]?.control?.kind === 'spawn',
  );
  const became = commit.segments.flatMap(({ expands = [] }) => [...expands]);
  for (const job of became) {
    if (facts.expanded.has(job)) fail(`j${job} became its nodes twice`);
    if (!ends.some((step) => step.job === job)) fail(`j${job} became its nodes in another commit than its end`);
  }
  if (commit.segments.length > 0) facts.readExpansions(after);
  for (const step of ends) checkBecame(facts, became, step, fail);
}

function checkBecame(
  facts: RunFacts,
  became: readonly number[],
  { job }: Transition,
  fail: (message: string) => void,
): void {
  const { name, control } = facts.job(job);
  const { expansions } = facts.plan;
  if (expansions === undefined) return;
  const at = { run: facts.plan.name, job: name, index: job, base: 0, to: 0 };
  const isSomething = planExpansion(expansions, control as Spawn, at).jobs.length > 0;
  if (isSomething && !became.includes(job)) fail(`j${job} ended without what it becomes`);
}

interface CapsContext {
  readonly world: World;
  readonly factsOf: (run: string) => RunFacts | undefined;
  readonly stored: () => Iterable<StoredRun>;
  readonly granted: readonly JobRow[];
  readonly isCounted: (row: JobRow, stored: StoredRun) => boolean;
}

/** No more of a name hold something than its cap allows, when one more of it was granted something. */
export function checkCaps(commits: readonly RunCommit[], context: CapsContext): void {
  for (const stored of context.stored()) {
    const commit = commits.find(({ run }) => run === stored.row.id);
    const facts = context.factsOf(stored.row.id);
    if (commit === undefined || facts === undefined) continue;
    const granted = context.granted.filter((row) => commit.jobs.includes(row));
    for (const name of new Set(granted.flatMap(({ job }) => facts.job(job).definition.cap?.name ?? [])))
      checkCap(name, facts, { stored, context });
  }
}

function checkCap(
  name: string,
  facts: RunFacts,
  { stored, context }: { readonly stored: StoredRun; readonly context: CapsContext },
): void {
  const most = Math.min(...facts.jobs.flatMap(({ definition: { cap } }) => (cap?.name === name ? [cap.limit] : [])));
  const held = [...stored.jobs.values()].filter(
    (row) => row.grant !== '' && facts.job(row.job).definition.cap?.name === name && context.isCounted(row, stored),
  );
  if (held.length <= most) return;
  const jobs = held.map(({ job }) => `j${job}`).join();
  context.world.fail('cap', `${facts.plan.name}: ${jobs} run, and at most ${most} of "${name}" may`);
}

/** Why a node may not be skipped; '' when it may. */
export function whyNotSkipped(facts: RunFacts, stored: StoredRun, job: number): string {
  const { data, control } = facts.job(job);
  if (control?.kind === 'spawn' && control.ends === 'skipped') return '';
  if (data.some((from) => storedStatus(stored, from) === 'created') || facts.rerunWished) return '';
  return 'though all it needs was chosen';
}

/** What is wrong with how a control node ended, beside what would be wrong with any job; '' when nothing is. */
export function checkControlEnd(facts: RunFacts, stored: StoredRun, job: number): string {
  const { control, order } = facts.job(job);
  const row = stored.jobs.get(job);
  if (row === undefined || control === undefined || !isFinal(row.status)) return '';
  if (row.fence > 0 || row.attempt !== '') return 'and had an attempt';
  if (row.status === 'cancelled' || row.detail === 'unsatisfiable') return '';
  const isBad = order.some(({ from }) => ['failed', 'cancelled'].includes(storedStatus(stored, from)));
  if (control.kind === 'gather') {
    if (facts.rerunWished || facts.powerLost || control.settled) return '';
    if (row.status === 'done' && isBad) return 'though not all it gathers ended well';
    return row.status === 'failed' && !isBad ? 'though all it gathers ended well' : '';
  }
  const isGood = control.ends === 'well';
  // Places may be small for a while: what fits into none of them then is refused.
  if (isGood && row.outcome.includes('RESOURCES_IMPOSSIBLE')) return '';
  // Who gathers its nodes may have ended before it was run again.
  return isGood === (row.status === 'done') || (isGood && facts.rerunWished) ? '' : `though it ends ${control.ends}`;
}
