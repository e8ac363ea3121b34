import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AttemptOrder, quoteWord, type ResourceRequest, type SubmissionId } from '../../model/index.ts';
import type { CommandWork } from '../workdir/index.ts';
import { markerOf } from './markers.ts';
import type { Site } from './site.ts';
import { writeWhole } from './whole-file.ts';

/** An order with its command. */
export interface CommandOrder {
  readonly order: AttemptOrder;
  readonly work: CommandWork;
}

/** Orders that travel as one native job, and the index each has in it. */
export interface NativePlan {
  readonly marker: string;
  readonly resources: ResourceRequest;
  readonly members: readonly (CommandOrder & { readonly native: number })[];
}

/** What bounds an array. */
export interface ArrayLimits {
  readonly size: number;
  /** The first index there may be. */
  readonly first: number;
}

/** Which native job carries an element of a submission, as it was written down before it was submitted. */
export interface PlannedElement {
  readonly marker: string;
  readonly native: number;
  /** Epoch milliseconds of the plan. */
  readonly at: number;
  /** What the system named the native job, where it answered. */
  readonly id: string | undefined;
}

/** Parts the orders of a submission into native jobs: those that take the same, as many as an array may have. */
export function planNatively(orders: readonly CommandOrder[], limits: ArrayLimits): readonly NativePlan[] {
  const alike = new Map<string, CommandOrder[]>();
  for (const one of orders.toSorted((a, b) => a.order.element - b.order.element)) {
    const key = JSON.stringify(resourcesOf(one.order));
    const group = alike.get(key);
    if (group === undefined) alike.set(key, [one]);
    else group.push(one);
  }
  const plans: NativePlan[] = [];
  for (const group of alike.values()) {
    for (let start = 0; start < group.length; start += limits.size) {
      const part = group.slice(start, start + limits.size);
      const [{ order }] = part as [CommandOrder];
      plans.push({
        marker: markerOf(order.submission, order.element),
        resources: resourcesOf(order),
        // One alone is no array.
        members: part.map((one, i) => ({ ...one, native: part.length === 1 ? 0 : limits.first + i })),
      });
    }
  }
  return plans;
}

/** What was asked for, with what was raised since; devices are the system's to name. */
function resourcesOf({ request, grant }: AttemptOrder): ResourceRequest {
  const { memoryBytes = request?.memoryBytes, timeMs = request?.timeMs } = grant;
  return {
    ...(request ?? { cpus: grant.cpus }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(timeMs === undefined ? {} : { timeMs }),
  };
}

const MS = 1000;

/** Which element is which attempt, a line each: what the body of a native job reads. */
export function elementTable(plan: NativePlan, site: Site): string {
  const lines = plan.members.map(({ native, order }) => {
    const grace = Math.ceil(order.limits.graceMs / MS);
    return `${native} ${order.attempt} ${order.fence} ${grace} ${site.directoryOf(order.directory)}\n`;
  });
  return lines.join('');
}

/** So many seconds a network file system may take to show an element its table and its directory. */
const SHOWS_WITHIN = 60;

/** What each element runs: finds its attempt in the table, and hands over to the wrapper. */
export function elementBody(marker: string, home: string, site: Pick<Site, 'wrapper' | 'marks'>): string {
  return `n=0
while :; do
line=$(sed -n "s/^$element //p" ${quoteWord(`${home}/${marker}.elements`)} 2>/dev/null)
attempt=\${line%% *} line=\${line#* }
fence=\${line%% *} line=\${line#* }
grace=\${line%% *} directory=\${line#* }
[ -n "$attempt" ] && [ -d "$directory" ] && break
n=$((n + 1))
[ $n -le ${SHOWS_WITHIN} ] || { echo "element $element has no directory in ${marker}.elements" >&2; exit 121; }
sleep 1
done
exec sh ${quoteWord(site.wrapper)} "$directory" "$attempt" "$fence" "$grace" ${quoteWord(site.marks)}/"$attempt"
`;
}

/** Writes down, on the disk, what is about to be submitted. */
export function keepPlan(folder: string, plan: NativePlan, at: number): void {
  const elements = plan.members.map(({ order, native }) => [order.element, native]);
  const text = `${JSON.stringify({ marker: plan.marker, at, elements })}\n`;
  writeWhole(join(folder, `${plan.marker}.json`), text, { flush: true });
}

/** Notes the system's name of a native job: by it its history is asked for. Losing it costs nothing but that. */
export function keepId(folder: string, marker: string, id: string): void {
  writeFileSync(join(folder, `${marker}.id`), id);
}

/** What was written down of a submission, by element; empty when nothing was. */
export function readPlans(folder: string): ReadonlyMap<number, PlannedElement> {
  const found = new Map<number, PlannedElement>();
  for (const name of listing(folder)) {
    if (!name.endsWith('.json')) continue;
    const plan = JSON.parse(readFileSync(join(folder, name), 'utf8')) as {
      readonly marker: string;
      readonly at: number;
      readonly elements: readonly (readonly [number, number])[];
    };
    const { marker, at } = plan;
    const id = readId(join(folder, `${marker}.id`));
    for (const [element, native] of plan.elements) found.set(element, { marker, native, at, id });
  }
  return found;
}

/** Where a target keeps what it was given in a submission, in the store. */
export function planFolder(store: string, target: string, submission: SubmissionId): string {
  return join(store, 'targets', target, submission);
}

function listing(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readId(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
