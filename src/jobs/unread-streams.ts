import type { EngineApi } from '../engine/index.ts';
import type { RunId } from '../model/index.ts';

/**
 * Takes, and drops, what the generators of a run yield that was taken over: whoever read them is a program that has
 * ended, and what they return may still be wanted. Before the run goes on; until it ends.
 */
export function readUnreadStreams(api: EngineApi, run: RunId): () => void {
  return api.listen((events) => {
    for (const event of events) {
      if (event.kind === 'job' && event.run === run && event.status === 'running' && event.detail === 'streaming')
        void readToEnd(api, run, event.index);
    }
  });
}

/** How its attempt ends the engine tells. */
async function readToEnd(api: EngineApi, run: RunId, job: number): Promise<void> {
  try {
    while (!(await api.pull(run, job, { kind: 'next' })).done);
  } catch {
    // It has ended otherwise.
  }
}
