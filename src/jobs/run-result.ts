import { type Graph, type Json, resolveArgument, resolveContext, type Value } from '../model/index.ts';

/** What a workflow returns, its references replaced by values; null when it returns nothing. */
export async function resolveResult(
  graphs: readonly Graph[],
  valuesOf: (jobs: readonly number[]) => Promise<readonly (Value | undefined)[]>,
): Promise<unknown> {
  const result = graphs.findLast((graph) => graph.result !== undefined)?.result;
  if (result === undefined) return null;
  const data = JSON.parse(result) as Json;
  const jobs = [...referred(data, new Set())];
  const values = await valuesOf(jobs);
  const known = new Map(jobs.map((job, i) => [job, values[i]]));
  return resolveArgument(
    withoutValueless(data, known),
    resolveContext((job) => known.get(job), { project: '', clones: true }),
  );
}

/** What no branch chose, and what only waits, has no value: null stands for it. */
function withoutValueless(data: Json, known: ReadonlyMap<number, Value | undefined>): Json {
  if (typeof data !== 'object' || data === null) return data;
  if (Array.isArray(data)) return (data as readonly Json[]).map((part) => withoutValueless(part, known));
  const ref: unknown = Object.hasOwn(data, '$ref') ? (data as Record<string, unknown>)['$ref'] : undefined;
  if (Array.isArray(ref)) return known.get(ref[0] as number) === undefined ? null : data;
  return Object.fromEntries(Object.entries(data).map(([key, part]) => [key, withoutValueless(part as Json, known)]));
}

/** The jobs that data refers to, at any depth. */
function referred(data: Json, jobs: Set<number>): ReadonlySet<number> {
  if (typeof data !== 'object' || data === null) return jobs;
  const ref: unknown = Object.hasOwn(data, '$ref') ? (data as Record<string, unknown>)['$ref'] : undefined;
  if (Array.isArray(ref) && typeof ref[0] === 'number') jobs.add(ref[0]);
  else for (const part of Object.values(data) as readonly Json[]) referred(part, jobs);
  return jobs;
}
