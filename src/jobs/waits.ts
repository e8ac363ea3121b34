import type { JobState } from './job-state.ts';

/** One step on the way from a job up what it waits for. */
interface Step {
  readonly state: JobState;
  readonly up: readonly JobState[];
  next: number;
}

/**
 * Finds jobs that wait for each other: up from each of these, through what is not final. A job is looked at once, and
 * nothing recurses, so depth is no matter. Gives the ids of one circle, its first again at the end.
 */
export function findCircle(
  from: readonly JobState[],
  known: (id: string) => JobState | undefined,
): readonly string[] | undefined {
  const finished = new Set<JobState>();
  const onTheWay = new Set<JobState>();
  for (const start of from) {
    const way: Step[] = [];
    enter(start);
    for (let step = way.at(-1); step !== undefined; step = way.at(-1)) {
      const next = step.up[step.next];
      step.next += 1;
      if (next === undefined) {
        onTheWay.delete(step.state);
        finished.add(step.state);
        way.pop();
      } else if (onTheWay.has(next)) {
        const circle = way.slice(way.findIndex(({ state }) => state === next)).map(({ state }) => state.id);
        return [next.id, ...circle.slice(1).reverse(), next.id];
      } else enter(next);
    }

    function enter(state: JobState): void {
      if (state.isFinal || finished.has(state)) return;
      onTheWay.add(state);
      way.push({ state, up: upOf(state, known), next: 0 });
    }
  }
  return undefined;
}

function upOf(state: JobState, known: (id: string) => JobState | undefined): readonly JobState[] {
  const up = state.upstream.map((upstream) => upstream.state);
  if (state.awaits.length === 0) return up;
  return [...up, ...state.awaits.map(known).filter((found) => found !== undefined)];
}
