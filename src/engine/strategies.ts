import type { Core } from './core.ts';
import { partOf } from './places.ts';
import { type Head, headBefore } from './ready-queue.ts';
import type { RunState } from './run-state.ts';

/** Whose turn it is, by strategy (`EngineOptions.strategy`). */
export function headsBefore(core: Core): (a: Head, b: Head) => boolean {
  const byOrder = (a: Head, b: Head): boolean => headBefore(a.queue, a.job, b.queue, b.job);
  switch (core.settings.strategy) {
    case 'priority':
      return byOrder;
    case 'fair':
      return (a, b) => {
        const difference = a.queue.run === b.queue.run ? 0 : shareOf(core, a.queue.run) - shareOf(core, b.queue.run);
        return difference === 0 ? byOrder(a, b) : difference < 0;
      };
    case 'demand':
      return (a, b) => {
        const byPriority = a.queue.run.priorityOf(a.job) - b.queue.run.priorityOf(b.job);
        if (byPriority !== 0) return byPriority > 0;
        const difference = a.queue.demand - b.queue.demand;
        return difference === 0 ? byOrder(a, b) : difference > 0;
      };
  }
}

/** A run's dominant share: the largest part that it holds of any resource there is, over all backends. */
function shareOf(core: Core, { heldCpus, heldMemory, heldGpus }: RunState): number {
  const { cpus, memoryBytes, gpus } = core.capacity;
  return Math.max(partOf(heldCpus, cpus), partOf(heldMemory, memoryBytes), partOf(heldGpus, gpus));
}
