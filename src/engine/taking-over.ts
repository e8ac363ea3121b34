import { type Graph, HeddleError, type RunId } from '../model/index.ts';
import type { StartSettings } from './api.ts';
import type { LiveAttempt } from './attempts.ts';
import { FAILED } from './codes.ts';
import { armWakeUps, countFirst, giveUp, loadRun } from './loading.ts';
import type { EngineLoop } from './loop.ts';
import type { StoredSettings } from './overriding.ts';
import { addSegment, newRunState, openJobs, refuseImpossible, release } from './runs.ts';
import type { RunState } from './run-state.ts';
import { cancelAll } from './steering.ts';
import { addChore, stopRest } from './turn.ts';

/** How runs come to an engine: they are started, taken over unfinished, or taken again when they have ended. */

export interface NewRun {
  readonly id: RunId;
  readonly graph: Graph;
  readonly settings: StartSettings;
  /** Called before anything is written. Throws when nothing may begin any more. */
  readonly mayBegin: () => void;
}

/** Stores a run and starts it. */
export async function startRun(loop: EngineLoop, { id, graph, settings, mayBegin }: NewRun): Promise<void> {
  const { core } = loop;
  const { name = graph.name, fingerprint = '', experiment = '', point = '', beside, ...kept } = settings;
  const run = newRunState(core, id, name, kept);
  await loop.inSlices(addSegment(core, run, graph, loop.options.defaultBackends));
  openJobs(run, 0);
  await loop.inSlices(run.table.rankAll(run.segments));
  refuseImpossible(core, run);
  mayBegin();
  run.status = 'running';
  run.startedAt = loop.options.clock.now().wall;
  const { status, startedAt } = run;
  await loop.store.createRun(
    {
      id,
      name,
      status,
      detail: '',
      size: graph.size,
      createdAt: startedAt,
      startedAt,
      endedAt: 0,
      fingerprint,
      settings: JSON.stringify(kept),
      experiment,
      point,
      ...(beside === undefined ? {} : { beside }),
    },
    graph,
  );
  if (settings.open !== true) run.close();
  run.told.takeAll(run);
  loop.input(() => {
    core.runs.set(id, run);
    addChore(core, run, release(core, run, 0, run.table.size));
  });
}

/** Takes over a run that is not finished; returns its attempts whose fate is not known. */
export async function takeOver(loop: EngineLoop, id: RunId, paused: boolean): Promise<readonly LiveAttempt[]> {
  const { core } = loop;
  const { run, running } = await countFirst(loop, () => load(loop, id));
  if (run.endedAt !== 0) {
    await loop.store.releaseRun(id, run.epoch);
    throw new HeddleError('STATE_CONFLICT', `run ${id} is finished: it is ${run.status}`, {
      hint: run.status === 'done' ? 'start a new run' : `heddle retry ${id} runs its failed and cancelled jobs again`,
    });
  }
  loop.input(() => {
    core.runs.set(id, run);
    armWakeUps(core, run);
    run.paused = paused;
    if (run.status !== 'running') {
      run.status = 'running';
      run.detail = '';
      core.out.draft(run).patch = { status: 'running', detail: '' };
    }
    addChore(core, run, release(core, run, 0, run.table.size));
    finishStopping(loop, run);
  });
  return running;
}

/** A crash may have fallen between what stops a run, a failure or somebody's wish, and the end of the rest. */
function finishStopping({ core }: EngineLoop, run: RunState): void {
  const { onFailure = 'continue', cancelling } = run.settings as StoredSettings;
  if (onFailure !== 'continue' && (run.counts[FAILED] as number) > 0) stopRest(core, run);
  if (cancelling !== true) return;
  run.stopping = true;
  addChore(core, run, cancelAll(core, run, { cause: 'user', killLive: true }));
}

/** Loads a run that this engine does not have yet. */
async function load(loop: EngineLoop, id: RunId): ReturnType<typeof loadRun> {
  const { core, store, options } = loop;
  if (core.runs.has(id)) throw new HeddleError('STATE_CONFLICT', `run ${id} is already being executed here`);
  loop.readClock();
  return loadRun(core, store, { id, defaults: options.defaultBackends, breathe: () => loop.soon() });
}

/** A run that is final, loaded and owned; anything else is refused. */
export async function finishedRun(loop: EngineLoop, id: RunId): Promise<RunState> {
  const { core } = loop;
  const held = core.runs.get(id);
  if (held !== undefined) {
    if (held.endedAt === 0) throw unfinished(id);
    if (await reclaim(loop, held)) return held;
    core.runs.delete(id);
  }
  const { run } = await load(loop, id);
  if (run.endedAt === 0) {
    giveUp(core, run);
    await loop.store.releaseRun(id, run.epoch);
    throw unfinished(id);
  }
  core.runs.set(id, run);
  return run;
}

function unfinished(id: RunId): HeddleError {
  return new HeddleError('STATE_CONFLICT', `run ${id} is not finished`, { hint: `heddle resume ${id} continues it` });
}

/**
 * Takes a finished run again, which was given up after the commit of its end. False: another engine has
 * had it since, so that what is known of it here is old.
 */
async function reclaim(loop: EngineLoop, run: RunState): Promise<boolean> {
  await loop.givenUp(run);
  const answer = await loop.store.claimRun(run.id);
  if (answer.kind !== 'claimed') throw new HeddleError('RUN_OWNED', `run ${run.id} is being executed elsewhere`);
  const isNext = answer.epoch <= run.epoch + 1;
  run.epoch = answer.epoch;
  return isNext;
}
