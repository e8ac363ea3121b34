import { connectControl, Engine, type RunHandle } from '../../jobs/index.ts';
import { type Graph, HeddleError, isFinal, type RunRow } from '../../model/index.ts';
import { assertCodeUnchanged, originOf } from '../code-origin.ts';
import { type FoundRun, findRun, openForReading, statusOf, storeDirectory, storeFlag } from '../find-run.ts';
import { stayWith } from '../foreground.ts';
import type { Context } from '../main.ts';
import { observersOf } from '../observers.ts';
import { outputLogger } from '../output-logger.ts';
import { type ResourceFlags, resourcesOf } from '../resource-flags.ts';
import { targetsOfRuns } from '../targets.ts';
import { run } from './run.ts';
import { findExperiment, resumeExperiment } from './steer-experiment.ts';

type Flags = Readonly<Record<string, unknown>>;

/** Continues an unfinished run, the latest by default; one that somebody runs is only un-paused. */
export async function resume(context: Context, [target]: readonly string[], flags: Flags): Promise<number> {
  const experiment = target === undefined ? undefined : await findExperiment(context, target);
  if (experiment !== undefined) {
    const again = await resumeExperiment(context, experiment);
    return typeof again === 'number' ? again : await run(context, [again.file], { ...flags, param: again.param });
  }
  const found = await find(context, target);
  if (found.owner !== undefined) return unpauseLive(context, found);
  if (isFinal(found.row.status)) {
    throw new HeddleError('STATE_CONFLICT', `run '${found.row.id}' is finished: ${found.row.status}`, {
      hint:
        found.row.status === 'done'
          ? 'start a new one with heddle run'
          : `'heddle retry ${found.row.id}${storeFlag(context)}' runs again what did not end well`,
    });
  }
  if (flags['acceptCode'] !== true) assertCodeUnchanged(found.row, storeDirectory(context));
  await using engine = await openFor(context, found.row, flags);
  const handle = await engine.resume(found.row.id);
  // A run that was paused and then left is paused still.
  if (handle.view().detail === 'paused') await handle.resume();
  return await stayWith({ context, engine, handle, graphs: await graphsFor(engine, handle) });
}

async function find(context: Context, target: string | undefined): Promise<FoundRun> {
  await using store = await openForReading(context);
  return await findRun(store, target, { statuses: ['created', 'pending', 'running'], what: 'no unfinished run' });
}

/** Opens the engine a run goes on in: the project stays the one it was started in, wherever it has been moved. */
export async function openFor(context: Context, row: RunRow, flags: Flags): Promise<Engine> {
  const project = originOf(row, storeDirectory(context))?.project;
  const slots = flags['jobs'];
  return Engine.open({
    store: storeDirectory(context),
    logger: outputLogger(context.output),
    observers: observersOf(flags),
    backends: await targetsOfRuns(context, [row]),
    ...(flags['durability'] === 'full' ? { durability: 'full' } : {}),
    ...(project === undefined ? {} : { project }),
    ...(typeof slots === 'number' ? { slots } : {}),
    ...resourcesOf(flags as ResourceFlags),
  });
}

/** A graph of so many jobs is not read once more for the time that is left. */
const LARGE = 100_000;

/** The graphs of a run that goes on, as progress wants them. */
export async function graphsFor(engine: Engine, handle: RunHandle): Promise<readonly Graph[]> {
  return handle.view().size > LARGE ? [] : engine.store.graph(handle.id);
}

async function unpauseLive(context: Context, found: FoundRun): Promise<number> {
  const owner = found.owner as NonNullable<FoundRun['owner']>;
  const { status, detail } = statusOf(found);
  if (detail !== 'paused') {
    throw new HeddleError(
      'RUN_OWNED',
      `run '${found.row.id}' is ${status} already, in process ${owner.pid} on ${owner.host}`,
      {
        hint: `'heddle show ${found.row.id}${storeFlag(context)}' says how it goes`,
      },
    );
  }
  await using control = await connectControl(owner.socket, found.row.id, owner);
  await control.unpause();
  if (context.json) await context.output.json({ run: found.row.id, ok: true });
  else context.output.say(`${found.row.id} goes on, in process ${owner.pid} on ${owner.host}`);
  return 0;
}
