import type { FingerprintRow, Graph, RunId } from '../../model/index.ts';
import { isOfCode } from './differences.ts';
import { type Bless, type PlannedJob, type PlanOptions, planGraph } from './planning.ts';
import { type Lookup, Results, type Wanted } from './results.ts';

export interface AcceptOptions extends Omit<PlanOptions, 'bless' | 'store'> {
  readonly store: NonNullable<PlanOptions['store']>;
  /** Only these jobs, whatever of them has changed. @default every job of which nothing but code, environment or image has */
  readonly jobs?: ReadonlySet<string>;
  /** Only the result of this run. */
  readonly run?: RunId;
}

/** A job whose earlier result stands again. */
export interface AcceptedJob {
  readonly job: string;
  /** Whose result: `RUN/JOB`. */
  readonly from: string;
  /** What had changed, in words. */
  readonly because: string;
}

/**
 * Lets earlier results stand for jobs that have changed since: what a job would be made of now is recorded as another
 * fingerprint of its nearest earlier result, when that is still there and unedited. Jobs behind it are judged by that
 * result. Gives what was accepted, and the plan as it is then.
 */
export async function acceptResults(
  graph: Graph,
  options: AcceptOptions,
): Promise<{ readonly accepted: readonly AcceptedJob[]; readonly plan: readonly PlannedJob[] }> {
  const { store, jobs, run, clock, directory, project } = options;
  const results = new Results({ store, clock, directory, project });
  const accepted: AcceptedJob[] = [];
  const rows = new Map<RunId, FingerprintRow[]>();
  const bless: Bless = async ({ name, task, described, temporary }, differences) => {
    if (jobs !== undefined && !jobs.has(name)) return undefined;
    const job = { name, task, ...described };
    const [nearest] = await differences.ofJob(job, run);
    if (nearest === undefined || nearest.differing.length === 0) return undefined;
    // A value that was changed on purpose is no change without effect, unless somebody says so.
    if (jobs === undefined && !nearest.differing.every(isOfCode)) return undefined;
    const found = await stillThere(results, { fingerprint: nearest.row.fingerprint, temporary });
    if (found === undefined || (run !== undefined && found.source.run !== run)) return undefined;
    const { source } = found;
    const row: FingerprintRow = {
      ...{ job: source.job, name: source.name, task, fingerprint: described.fingerprint, base: described.base },
      ...{ components: described.components, fromRun: '', fromJob: 0 },
      note: 'accepted',
      at: clock.now().wall,
    };
    const list = rows.get(source.run);
    if (list === undefined) rows.set(source.run, [row]);
    else list.push(row);
    accepted.push({
      job: name,
      from: `${source.run}/${source.name}`,
      because: await differences.say(job, nearest),
    });
    return found;
  };
  const plan = await planGraph(graph, { ...options, bless });
  for (const [source, list] of rows) await store.fingerprints?.accept(source, list);
  return { accepted, plan };
}

/** A result that can be taken. */
async function stillThere(results: Results, wanted: Wanted): Promise<Extract<Lookup, { kind: 'found' }> | undefined> {
  const [found] = await results.lookup([wanted]);
  return found?.kind === 'found' ? found : undefined;
}
