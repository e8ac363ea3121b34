import { findRun, openForReading, splitJobTarget, splitTarget, statusOf, storeFlag } from '../find-run.ts';
import type { Context } from '../main.ts';
import type { RunControl } from '../../jobs/index.ts';
import { sleep } from '../sleep.ts';
import { steer } from '../steering.ts';
import { cancelExperiment, findExperiment, pauseExperiment } from './steer-experiment.ts';

const LOOK_EVERY_MS = 50;

/** Cancels a run or one of its jobs. */
export async function cancel(context: Context, [target = '']: readonly string[]): Promise<number> {
  const experiment = await findExperiment(context, target);
  if (experiment !== undefined) return cancelExperiment(context, experiment);
  const { run, job } = splitTarget(target);
  return steer(context, run, async (control, found) => {
    if (job === undefined || job === '') await control.cancel();
    else await control.cancel([job]);
    if (found.owner === undefined) await allCancelled(control);
    return tell(context, control.run, job === undefined ? 'cancel asked for' : `cancel of '${job}' asked for`);
  });
}

/** Nobody else sees to it that what was asked to end politely is ended by force when it doesn't. */
async function allCancelled(control: RunControl): Promise<void> {
  while ((await control.running()).some((job) => job.phase === 'cancelling')) await sleep(LOOK_EVERY_MS);
}

/** Starts nothing more of a run. One that nobody runs starts nothing anyway. */
export async function pause(context: Context, [target = '']: readonly string[]): Promise<number> {
  const experiment = await findExperiment(context, target);
  if (experiment !== undefined) return pauseExperiment(context, experiment);
  const { run } = splitTarget(target);
  {
    await using store = await openForReading(context);
    const found = await findRun(store, run);
    const { status, detail } = statusOf(found);
    if (found.owner === undefined && status === 'pending') {
      return await tell(context, found.row.id, `is not running (${detail}): nothing starts until heddle resume`);
    }
  }
  return steer(context, run, async (control) => {
    await control.pause();
    return tell(context, control.run, `paused; go on with: heddle resume ${control.run}${storeFlag(context)}`);
  });
}

/** Keeps a job from starting. */
export async function hold(context: Context, [target = '']: readonly string[]): Promise<number> {
  const { run, job } = splitJobTarget(target, 'hold');
  return steer(context, run, async (control) => {
    await control.hold([job]);
    return tell(context, control.run, `holds '${job}'`);
  });
}

/** Lets a held job start. */
export async function release(context: Context, [target = '']: readonly string[]): Promise<number> {
  const { run, job } = splitJobTarget(target, 'release');
  return steer(context, run, async (control) => {
    await control.release([job]);
    return tell(context, control.run, `released '${job}'`);
  });
}

async function tell(context: Context, run: string, what: string): Promise<number> {
  if (context.json) await context.output.json({ run, ok: true });
  else context.output.say(`${run} ${what}`);
  return 0;
}
