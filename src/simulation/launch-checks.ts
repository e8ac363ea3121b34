import type { AttemptOrder, Grant, OwnerId } from '../model/index.ts';
import { isAccepted, type RunFacts, storedStatus } from './facts.ts';
import type { SimulatedDisk, StoredRun } from './simulated-disk.ts';
import type { World } from './world.ts';

export interface LaunchContext {
  readonly world: World;
  readonly disk: SimulatedDisk;
  readonly facts: RunFacts | undefined;
  /** Whose hand it came from. */
  readonly owner: OwnerId | undefined;
  readonly launched: Set<string>;
}

/**
 * What must be true at the moment an order leaves the engine: its intent is durable, its inputs are,
 * and it leaves once. An engine that has lost the run without knowing may still launch; that such a
 * body never starts is the fence's work, and is checked where bodies and rows meet.
 */
export function checkLaunch(order: AttemptOrder, context: LaunchContext): void {
  const { world, disk, facts, launched } = context;
  const said = `${order.job}#${order.fence} (${order.attempt})`;
  const fail = (invariant: string, message: string): void => world.fail(invariant, `${said} ${message}`);
  world.trace(() => `${said} is launched with ${JSON.stringify(order.grant)}`);
  if (launched.has(order.attempt)) fail('once', 'was launched twice');
  launched.add(order.attempt);
  const stored = disk.get(order.run);
  if (facts === undefined || stored === undefined) {
    if (facts?.powerLost !== true) fail('intent', 'was launched, but its run is not in the store');
    return;
  }
  if (stored.row.owner !== context.owner) return;
  const row = stored.jobs.get(order.index);
  if (row?.attempt !== order.attempt || row.status !== 'running') {
    fail('intent', `was launched, but its row says ${row?.status ?? 'nothing'} ${row?.attempt ?? ''}`);
    return;
  }
  if (row.grant === '') fail('intent', 'was launched without a grant in its row');
  else checkGrant(order, JSON.parse(row.grant) as Grant, fail);
  if (disk.durability === 'full' && disk.unsynced > 0) fail('intent', 'was launched before its intent was synced');
  checkInputs(order, stored, facts, fail);
}

function checkGrant(order: AttemptOrder, grant: Grant, fail: (invariant: string, message: string) => void): void {
  if (grant.place !== order.grant.place || grant.cpus !== order.grant.cpus) {
    fail('intent', `was launched with ${JSON.stringify(order.grant)}, journalled with ${JSON.stringify(grant)}`);
  }
}

/** I3: every input is done and committed, and its value is what was committed. */
function checkInputs(
  order: AttemptOrder,
  stored: StoredRun,
  facts: RunFacts,
  fail: (invariant: string, message: string) => void,
): void {
  const plan = facts.job(order.index);
  for (const from of plan.data) {
    const status = storedStatus(stored, from);
    if (status !== 'done') fail('I3', `was launched though j${from}, whose value it takes, is ${status} in the store`);
  }
  if (plan.control !== undefined) fail('I3', 'was launched, and is a control node');
  if (storedStatus(stored, order.index) === 'created') fail('skips', 'was launched, and is skipped');
  for (const edge of plan.order) {
    if (isAccepted(stored, edge) || facts.rerunWished) continue;
    fail('I3', `was launched though j${edge.from} is ${storedStatus(stored, edge.from)}`);
  }
  const { work } = order;
  if (work.kind !== 'call') return;
  const wanted = plan.data.map((from) => {
    const value = stored.values.get(from);
    return value?.codec === 'json' ? value.json : '';
  });
  const given = work.args.map((arg) => JSON.stringify(arg));
  if (given.join() !== wanted.join()) fail('I3', `was given ${given.join()} where the store has ${wanted.join()}`);
}
