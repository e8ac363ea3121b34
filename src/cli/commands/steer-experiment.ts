import { connectControl, Engine, type RunControl } from '../../jobs/index.ts';
import {
  type Backend,
  type ExperimentRow,
  HeddleError,
  isFinal,
  type RunId,
  type RunRow,
  type Store,
} from '../../model/index.ts';
import { runsOf, settingsOf } from '../../workflow/index.ts';
import { openForReading, storeDirectory, storeFlag } from '../find-run.ts';
import type { Context } from '../main.ts';
import { outputLogger } from '../output-logger.ts';
import { targetsOfRuns } from '../targets.ts';

/** The experiment of this name; undefined when there is none. */
export async function findExperiment(context: Context, name: string): Promise<ExperimentRow | undefined> {
  if (name === '') return undefined;
  await using store = await openForReading(context);
  return await store.experiment(name);
}

/** Cancels all points of an experiment: those that run, those that were left unfinished, and those to come. */
export async function cancelExperiment(context: Context, experiment: ExperimentRow): Promise<number> {
  const steered = await steerAll(context, experiment, {
    wish: 'cancelled',
    owned: (control) => control.cancel(),
    left: true,
  });
  return tell(context, experiment, `cancel asked for, of ${steered} points`);
}

/** Starts nothing more of any point; what runs goes on. */
export async function pauseExperiment(context: Context, experiment: ExperimentRow): Promise<number> {
  const steered = await steerAll(context, experiment, { wish: 'paused', owned: (control) => control.pause() });
  const goOn = `go on with: heddle resume '${experiment.name}'${storeFlag(context)}`;
  return tell(context, experiment, steered === 0 ? `is not running; ${goOn}` : `paused; ${goOn}`);
}

/**
 * Lets a paused experiment that somebody runs go on. Where nobody does, gives the file it was started from and its parameters: it is
 * to be run again.
 *
 * @throws {HeddleError} STATE_CONFLICT where a program started it
 */
export async function resumeExperiment(
  context: Context,
  experiment: ExperimentRow,
): Promise<{ readonly file: string; readonly param: readonly string[] } | number> {
  const steered = await steerAll(context, experiment, { wish: '', owned: (control) => control.unpause() });
  if (steered > 0) return tell(context, experiment, 'goes on');
  const origin = settingsOf(experiment).origin as
    | { readonly file?: string; readonly param?: readonly string[] }
    | undefined;
  if (typeof origin?.file === 'string') return { file: origin.file, param: origin.param ?? [] };
  throw new HeddleError('STATE_CONFLICT', `experiment '${experiment.name}' was started by a program`, {
    hint: 'run that program again: what is done is kept',
  });
}

interface Steering {
  readonly wish: ExperimentRow['wish'];
  /** Done to each run that somebody owns. */
  readonly owned: (control: RunControl) => Promise<void>;
  /** Whether runs that nobody owns are cancelled. */
  readonly left?: boolean;
}

/** Writes the wish down first: whoever starts points heeds it. Gives how many runs it was said to. */
async function steerAll(context: Context, { name }: ExperimentRow, { wish, owned, left }: Steering): Promise<number> {
  const backends = await targetsOfPoints(context, name);
  const engine = await Engine.open({ store: storeDirectory(context), logger: outputLogger(context.output), backends });
  const steered = new Set<RunId>();
  try {
    const now = await engine.store.experiment(name);
    if (now !== undefined && now.wish !== wish) await engine.store.putExperiment({ ...now, wish });
    // A second look, for what was being started while the first was taken.
    for (let look = 0; look < 2; look += 1) {
      for (const row of await unfinished(engine.store, name)) {
        if (steered.has(row.id)) continue;
        const owner = await engine.store.ownerOf(row.id);
        if (owner?.alive === true && owner.owner !== engine.store.owner) {
          if (await saidTo(owner.socket, row.id, owned)) steered.add(row.id);
        } else if (left === true) {
          const handle = await engine.resume(row.id, { paused: true });
          await handle.cancel();
          await handle.wait();
          steered.add(row.id);
        }
      }
    }
  } finally {
    await engine.shutdown({ detach: true });
    await engine[Symbol.asyncDispose]();
  }
  return steered.size;
}

async function targetsOfPoints(context: Context, experiment: string): Promise<readonly Backend[]> {
  await using store = await openForReading(context);
  return await targetsOfRuns(context, await unfinished(store, experiment));
}

async function unfinished(store: Store, experiment: string): Promise<readonly RunRow[]> {
  const rows: RunRow[] = [];
  for await (const row of runsOf(store, experiment)) if (!isFinal(row.status)) rows.push(row);
  // As they were started.
  return rows.reverse();
}

/** False when the run had ended by then. */
async function saidTo(socket: string, run: RunId, say: (control: RunControl) => Promise<void>): Promise<boolean> {
  try {
    await using control = await connectControl(socket, run);
    await say(control);
    return true;
  } catch (error) {
    if (HeddleError.is(error) && ['RUN_NOT_FOUND', 'ENGINE_CLOSED', 'STATE_CONFLICT', 'RUN_OWNED'].includes(error.code))
      return false;
    throw error;
  }
}

async function tell(context: Context, experiment: ExperimentRow, what: string): Promise<number> {
  if (context.json) await context.output.json({ experiment: experiment.name, ok: true });
  else context.output.say(`${experiment.name} ${what}`);
  return 0;
}
