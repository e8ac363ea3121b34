import type { Definition, Grant, JobRow, OwnerId, Place, ResourceAmounts } from '../model/index.ts';
import type { Ledger } from './body.ts';
import { isHolding, outcomeOf } from './facts.ts';
import type { StoredRun } from './simulated-disk.ts';
import type { World } from './world.ts';

interface CapacityContext {
  readonly world: World;
  readonly ledger: Ledger;
  readonly owner: OwnerId;
  readonly stored: () => Iterable<StoredRun>;
  /** The largest each place has been. */
  readonly placeOf: (backend: string, place: string) => Place | undefined;
  readonly tokens: Readonly<Record<string, number>>;
  readonly totals: Pick<ResourceAmounts, 'cpus' | 'memoryBytes'>;
  /** The owner could know of what this row holds when it granted. */
  readonly isCounted: (row: JobRow, stored: StoredRun) => boolean;
}

/** What is in use of a place. */
interface InUse {
  cpus: number;
  ahead: number;
  memory: number;
  /** How much of each device. */
  readonly gpus: Map<number, number>;
  readonly by: string[];
}

/**
 * I1: what is in use of a place where something was granted, over all runs of its owner. What was sent ahead holds nothing
 * until there is room, so that all may be as many over. Room is granted, before more is sent ahead, where nobody is over.
 */
export function checkCapacity(granted: readonly JobRow[], context: CapacityContext): void {
  const { world, placeOf, tokens, totals } = context;
  const now = readGrants(granted);
  const { used, heldTokens, all } = sumUp(context, now.ahead);
  for (const key of now.places) {
    const [backend = '', name = ''] = key.split('\n');
    const place = placeOf(backend, name);
    const sum = used.get(key);
    if (place === undefined || sum === undefined || !isOver(sum, place, now.withRoom.has(key))) continue;
    const { gpus, ...rest } = sum;
    const said = { ...rest, gpus: Object.fromEntries(gpus) };
    world.fail('I1', `${backend}/${name} holds ${JSON.stringify(said)} of ${JSON.stringify(place)}`);
  }
  for (const [name, count] of heldTokens)
    if (count > (tokens[name] ?? 0)) world.fail('I1', `${count} of token ${name} are held`);
  const { cpus = Number.POSITIVE_INFINITY, memoryBytes = Number.POSITIVE_INFINITY } = totals;
  const isFresh = granted.some(({ grant }) => (JSON.parse(grant) as Grant).cpus > 0);
  if (isFresh && (all.cpus > cpus + 1e-6 || all.memory > memoryBytes))
    world.fail('I1', `${JSON.stringify(all)} are held of ${JSON.stringify(totals)} in all`);
}

function readGrants(granted: readonly JobRow[]) {
  const places = new Set<string>();
  const withRoom = new Set<string>();
  const nowAhead = new Set<string>();
  for (const { backend, grant, attempt } of granted) {
    const { place, ahead, cpus } = JSON.parse(grant) as Grant;
    const key = `${backend}\n${place}`;
    places.add(key);
    if (ahead === true) nowAhead.add(attempt);
    else if (cpus > 0) withRoom.add(key);
  }
  return { places, withRoom, ahead: nowAhead };
}

function sumUp({ ledger, owner, stored, isCounted }: CapacityContext, nowAhead: ReadonlySet<string>) {
  const used = new Map<string, InUse>();
  const heldTokens = new Map<string, number>();
  const all = { cpus: 0, memory: 0 };
  for (const each of stored()) {
    if (each.row.owner !== owner) continue;
    for (const row of each.jobs.values()) {
      if (row.grant === '' || !isHolding(row, ledger) || !isCounted(row, each)) continue;
      const grant = JSON.parse(row.grant) as Grant;
      const key = `${row.backend}\n${grant.place}`;
      const sum = used.get(key) ?? { cpus: 0, ahead: 0, memory: 0, gpus: new Map<number, number>(), by: [] };
      const state = ledger.bodies.get(row.attempt)?.state ?? '';
      sum.by.push(`${each.row.name}/j${row.job}#${row.fence} ${state} ${row.grant}`);
      sum.cpus += grant.cpus;
      all.cpus += grant.cpus;
      if (nowAhead.has(row.attempt)) sum.ahead += grant.cpus;
      sum.memory += grant.memoryBytes ?? 0;
      all.memory += grant.memoryBytes ?? 0;
      for (const gpu of grant.gpus ?? []) sum.gpus.set(gpu, (sum.gpus.get(gpu) ?? 0) + (grant.gpuShare ?? 1));
      used.set(key, sum);
      for (const [name, count] of Object.entries(grant.tokens ?? {}))
        heldTokens.set(name, (heldTokens.get(name) ?? 0) + count);
    }
  }
  return { used, heldTokens, all };
}

function isOver(sum: InUse, place: Place, hasRoom: boolean): boolean {
  return (
    sum.cpus > place.cpus + (place.ahead ?? 0) + 1e-6 ||
    (hasRoom && sum.cpus - sum.ahead > place.cpus + 1e-6) ||
    sum.memory > (place.memoryBytes ?? Number.POSITIVE_INFINITY) ||
    [...sum.gpus.values()].some((used) => used > 1 + 1e-6)
  );
}

/** Says what is wrong with what an attempt was granted of memory, by how the ones before it ended; undefined: nothing. */
export function wronglyRaised({ resources, retry }: Definition, stored: StoredRun, row: JobRow): string | undefined {
  const { memoryBytes } = resources;
  const { escalate } = retry;
  if (escalate?.memory === undefined || memoryBytes === undefined) return undefined;
  const ends = (stored.stepsOf.get(row.job) ?? []).filter((step) => step.from === 'running' && step.to === 'pending');
  const times = ends.filter((step) => outcomeOf(step)?.kind === 'memory').length;
  const most = Math.max(memoryBytes, escalate.maxMemoryBytes ?? Number.POSITIVE_INFINITY);
  const expected = Math.min(most, Math.round(memoryBytes * escalate.memory ** times));
  const granted = (JSON.parse(row.grant) as Grant).memoryBytes ?? 0;
  if (granted > expected)
    return `was granted ${granted} bytes after running out of memory ${times} times, not ${expected}`;
  const before = (stored.attempts.get(row.job) ?? []).map((each) => (JSON.parse(each.grant) as Grant).memoryBytes ?? 0);
  // Places give no more than they have: what it had before it has again.
  const least = Math.max(memoryBytes, ...before);
  return granted < least ? `was granted ${granted} bytes, and had ${least} before` : undefined;
}
