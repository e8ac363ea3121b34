import { cancelEach } from './acting.ts';
import type { LiveAttempt } from './attempts.ts';
import type { EngineLoop } from './loop.ts';
import { interrupt, markInterrupted } from './steering.ts';

/** A store that takes no commits is waited for so long when the engine is to stop. */
const STALL_PATIENCE_MS = 10_000;
const CANCELS_A_COMMIT = 500;

/**
 * Stops in order: what runs is cancelled (cause shutdown), runs are left `pending (interrupted)` and given up.
 * A store that cannot write that down is not waited for without bound: the engine then ends as by a crash,
 * which `resume` mends, and who waits is told why.
 */
export async function stopEngine(loop: EngineLoop, options: { readonly detach: boolean }): Promise<void> {
  const { core } = loop;
  core.draining = true;
  // What does not answer cannot be waited for: it is left for `resume` to ask after.
  const spares = (attempt: LiveAttempt): boolean =>
    attempt.silent ||
    attempt.phase === 'unreachable' ||
    (options.detach && attempt.backend.backend.capabilities.recoverable);
  if (await isQuiet(loop, spares)) {
    loop.input(() => {
      for (const run of core.runs.values()) markInterrupted(core, run);
    });
    if (!(await isWritten(loop))) abandonAll(loop);
  } else abandonAll(loop);
  await loop.stop();
}

/** Ends what is not spared. False when the store does not let it. */
async function isQuiet(loop: EngineLoop, spares: (attempt: LiveAttempt) => boolean): Promise<boolean> {
  const { core } = loop;
  for (;;) {
    if (loop.broken !== undefined) return false;
    // Each time anew: one that was spared since it did not answer may answer now.
    loop.input(() => {
      let most = CANCELS_A_COMMIT;
      for (const run of core.runs.values()) if (run.endedAt === 0) most -= interrupt(core, run, { spares, most });
    });
    const isBusy = core.chores.length > 0 || core.finals.length > 0;
    if (!isBusy && ![...core.attempts.values()].some((attempt) => !spares(attempt))) return true;
    if (isBusy && !loop.isCommitting) await loop.soon();
    else if (!(await comesBefore(loop, loop.nextCommit()))) return false;
  }
}

async function isWritten(loop: EngineLoop): Promise<boolean> {
  return comesBefore(
    loop,
    loop.durable().catch(() => undefined),
  );
}

/** Waits for something that a commit brings; false when the store has taken none for too long. */
async function comesBefore(loop: EngineLoop, awaited: Promise<void>): Promise<boolean> {
  let isHere = false;
  const here = awaited.then(() => {
    isHere = true;
  });
  while (!isHere) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = loop.options.clock.after(STALL_PATIENCE_MS, resolve);
    await Promise.race([here, promise]);
    timer.cancel();
    if (!isHere && loop.stalledBy !== undefined) return false;
  }
  return true;
}

/** What ends with this process is ended; what outlives it is found again by whoever resumes its run. */
function abandonAll(loop: EngineLoop): void {
  const { stalledBy } = loop;
  if (stalledBy !== undefined) loop.break(stalledBy);
  cancelEach(
    loop,
    [...loop.core.attempts.values()].filter((attempt) => !attempt.backend.backend.capabilities.recoverable),
  );
}
