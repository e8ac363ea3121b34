import { connectControl, Engine, type RunControl } from '../jobs/index.ts';
import { HeddleError, isFinal } from '../model/index.ts';
import { type FoundRun, findRun, openForReading, statusOf, storeDirectory, storeFlag } from './find-run.ts';
import type { Context } from './main.ts';
import { sleep } from './sleep.ts';
import { targetsOfRuns } from './targets.ts';

/**
 * Hands over the control of a run, wherever it is: by its owner's socket while somebody runs it; else the run is
 * taken over here without starting anything, and given up again, what lives of it left alone.
 *
 * @throws {HeddleError} RUN_NOT_FOUND, STATE_CONFLICT when it is finished
 */
export async function steer<T>(
  context: Context,
  run: string,
  use: (control: RunControl, found: FoundRun) => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await steerOnce(context, run, use);
    } catch (error) {
      // Steering twice is as good as once.
      if (tries === LEAVING_TRIES || !isLeaving(error)) throw error;
      await sleep(LEAVING_MS);
    }
  }
}

/** An owner that leaves while it is asked is asked no more: a moment later the run has ended, or is nobody's. */
const LEAVING_MS = 100;
const LEAVING_TRIES = 50;

function isLeaving(error: unknown): boolean {
  if (!HeddleError.is(error)) return false;
  return error.code === 'ENGINE_CLOSED' || (error.code === 'RUN_OWNED' && error.cause !== undefined);
}

async function steerOnce<T>(
  context: Context,
  run: string,
  use: (control: RunControl, found: FoundRun) => Promise<T>,
): Promise<T> {
  const found = await (async () => {
    await using store = await openForReading(context);
    return await findRun(store, run);
  })();
  if (isFinal(found.row.status) && found.owner === undefined) throw finished(context, found);
  if (found.owner !== undefined) {
    await using control = await connectControl(found.owner.socket, found.row.id, found.owner);
    return await use(control, found);
  }
  const engine = await Engine.open({
    store: storeDirectory(context),
    backends: await targetsOfRuns(context, [found.row]),
  });
  try {
    const handle = await engine.resume(found.row.id, { paused: true });
    const answer = await use(handle.control, found);
    await engine.committed();
    return answer;
  } finally {
    await engine.shutdown({ detach: true });
    await engine[Symbol.asyncDispose]();
  }
}

function finished(context: Context, found: FoundRun): HeddleError {
  const { status } = statusOf(found);
  return new HeddleError('STATE_CONFLICT', `run '${found.row.id}' is finished: ${status}`, {
    hint:
      status === 'done'
        ? 'there is nothing left to steer'
        : `'heddle retry ${found.row.id}${storeFlag(context)}' runs again what did not end well`,
  });
}
