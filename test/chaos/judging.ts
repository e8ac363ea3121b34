import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { asRunId, type Graph, textAt } from '../../src/model/index.ts';
import { openStoreAt } from '../../src/jobs/open-store.ts';

/** What the ledger says of one job. */
export interface Entry {
  readonly starts: number;
  readonly ends: number;
  /** Attempts that began more than once: none may. */
  readonly doubled: readonly string[];
}

export type Ledger = ReadonlyMap<string, Entry>;

/** Reads the ledger that the bodies wrote. */
export function readLedger(directory: string): Ledger {
  const path = join(directory, 'ledger');
  const entries = new Map<string, Entry>();
  const seen = new Set<string>();
  if (!existsSync(path)) return entries;
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const [job, attempt, what] = line.split(' ');
    if (job === undefined || attempt === undefined || what === undefined) continue;
    const entry = entries.get(job) ?? { starts: 0, ends: 0, doubled: [] };
    const isDoubled = what === 'start' && seen.has(attempt);
    seen.add(attempt);
    entries.set(job, {
      starts: entry.starts + (what === 'start' ? 1 : 0),
      ends: entry.ends + (what === 'end' ? 1 : 0),
      doubled: isDoubled ? [...entry.doubled, attempt] : entry.doubled,
    });
  }
  return entries;
}

/** Statuses of a run's jobs by name as they are committed, and the values of those that are done. */
export async function readStore(
  store: string,
  id: string,
): Promise<{ statuses: Map<string, string>; values: Map<string, string> }> {
  await using opened = await openStoreAt(store);
  const run = asRunId(id);
  const graphs = await opened.graph(run);
  const segmentOf = (index: number): Graph => graphs.findLast((graph) => graph.base <= index) as Graph;
  const nameOf = (index: number): string => {
    const segment = segmentOf(index);
    return textAt(segment.names, index - segment.base);
  };
  /** What control nodes keep says where their nodes are, which is no same in two runs; what takes it shows it is right. */
  const isControl = (index: number): boolean => {
    const { definitions, definitionOf, base } = segmentOf(index);
    return definitions[definitionOf[index - base] as number]?.kind === 'control';
  };
  const statuses = new Map<string, string>();
  const values = new Map<string, string>();
  for await (const rows of opened.jobs(run)) {
    for (const row of rows) {
      statuses.set(nameOf(row.job), row.status);
      if (row.status !== 'done' || isControl(row.job)) continue;
      const [value] = await opened.values(run, [row.job]);
      if (value?.codec === 'json') values.set(nameOf(row.job), shown(value.json));
    }
  }
  return { statuses, values };
}

/** Of a command its one text output, of a call its value: what must be the same after any disturbance. */
function shown(json: string): string {
  const value = JSON.parse(json) as { outputs?: Record<string, { value?: string }> } | null;
  return value?.outputs === undefined ? json : (Object.values(value.outputs)[0]?.value ?? '');
}

/** The run of a store that was started last; undefined when none was committed. */
export async function latestRun(store: string): Promise<{ id: string; status: string } | undefined> {
  if (!existsSync(store)) return undefined;
  await using opened = await openStoreAt(store);
  const [row] = await opened.runs({ limit: 1 });
  return row === undefined ? undefined : { id: row.id, status: row.status };
}
