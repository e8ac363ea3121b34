import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import { acceptResults, type AcceptedJob } from '../../jobs/index.ts';
import { type Graph, HeddleError, type RunId, type Store } from '../../model/index.ts';
import { systemClock } from '../../process/index.ts';
import { graphNames, nearestName } from '../../model/index.ts';
import { originOf } from '../code-origin.ts';
import { findRun, openForReading, splitTarget, storeDirectory } from '../find-run.ts';
import { type LoadFlags, loadWorkflow } from '../load-workflow.ts';
import type { Context } from '../main.ts';
import { printable } from '../output.ts';

/** What is to be accepted. */
interface Wanted {
  readonly graph: Graph;
  readonly project: string;
  readonly jobs?: ReadonlySet<string>;
  readonly run?: RunId;
}

/**
 * Lets earlier results stand after a change without effect: of a workflow's file those of all jobs of which nothing but code,
 * environment or image has changed, or of the jobs that are named whatever has; of RUN/JOB that one.
 */
export async function accept(
  context: Context,
  [target = '', ...names]: readonly string[],
  flags: LoadFlags,
): Promise<number> {
  await using store = await openForReading(context);
  const wanted = existsSync(target)
    ? await ofFile(target, names, flags)
    : await ofRun(context, store, { target, names });
  const { accepted } = await acceptResults(wanted.graph, {
    store,
    clock: systemClock,
    directory: storeDirectory(context),
    ...{ project: wanted.project },
    ...(wanted.jobs === undefined ? {} : { jobs: wanted.jobs }),
    ...(wanted.run === undefined ? {} : { run: wanted.run }),
  });
  return await report(context, wanted, accepted);
}

async function ofFile(file: string, names: readonly string[], flags: LoadFlags): Promise<Wanted> {
  const { graph, origin } = await loadWorkflow(file, flags);
  const known = new Set(graphNames(graph));
  for (const name of names) {
    if (known.has(name)) continue;
    const near = nearestName(name, [...known]);
    throw new HeddleError('JOB_NOT_FOUND', `'${file}' has no job '${name}'`, {
      hint: near === undefined ? `'heddle plan ${file}' lists its jobs` : `did you mean '${near}'?`,
    });
  }
  return { graph, project: origin.project, ...(names.length === 0 ? {} : { jobs: new Set(names) }) };
}

async function ofRun(
  context: Context,
  store: Store,
  { target, names }: { readonly target: string; readonly names: readonly string[] },
): Promise<Wanted> {
  const { run, job } = splitTarget(target);
  if (job === undefined || job === '' || names.length > 0) {
    throw new HeddleError('INPUT_INVALID', `'${target}' is neither a file nor a job of a run`, {
      hint: 'write: heddle accept FILE [JOB...], or heddle accept RUN/JOB',
    });
  }
  const { row } = await findRun(store, run);
  const origin = originOf(row, storeDirectory(context));
  if (origin?.kind !== 'module' && origin?.kind !== 'yaml') {
    throw new HeddleError('INPUT_INVALID', `run '${row.id}' was not started from a workflow's module`, {
      hint: 'what it is now can only be read from a file: heddle accept FILE [JOB...]',
    });
  }
  const { parameters = {} } = JSON.parse(row.settings || '{}') as { readonly parameters?: Record<string, unknown> };
  const param = Object.entries(parameters).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  const wanted = await ofFile(relative(process.cwd(), origin.file), [job], { param });
  return { ...wanted, run: row.id };
}

async function report(
  { json, output }: Context,
  { graph, jobs }: Wanted,
  accepted: readonly AcceptedJob[],
): Promise<number> {
  if (json) await output.json({ name: graph.name, accepted });
  else if (accepted.length > 0)
    await output.data(
      accepted.map(({ job, from, because }) => printable(`${job}  keeps the result of ${from}: ${because}`)).join('\n'),
    );
  const missed = [...(jobs ?? [])].filter((name) => !accepted.some(({ job }) => job === name));
  for (const name of missed)
    output.say(printable(`${name} has nothing to accept: see heddle plan for what becomes of it and why`));
  if (missed.length === 0 && accepted.length === 0)
    output.say(
      "nothing to accept: no job has changed in its code alone; to let one stand whatever has changed, such as its command, name it: heddle accept FILE JOB ('heddle plan FILE' lists them)",
    );
  return missed.length > 0 ? 1 : 0;
}
