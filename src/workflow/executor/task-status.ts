import type { Detail, Status } from '../../model/index.ts';

/** The words executors use for how a task stands. */
export const TaskStatus = {
  pending: 'pending',
  running: 'running',
  completed: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
} as const;
export type TaskStatus = (typeof TaskStatus)[keyof typeof TaskStatus];

/** In the order in which they are listed. */
export const TASK_STATUSES: readonly TaskStatus[] = Object.values(TaskStatus);

/** The engine's six words in those of executors: this is the only place where one becomes the other. */
const WORDS: Readonly<Record<Status, TaskStatus>> = {
  created: 'pending',
  pending: 'pending',
  running: 'running',
  done: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
};

/**
 * How a task stands, in the words of executors. A task that never ran because another failed has been `pending` and stays so:
 * only what somebody cancelled is `cancelled`.
 */
export function taskStatusOf(status: Status, detail: Detail): TaskStatus {
  const neverRan = status === 'cancelled' && (detail === 'upstream' || detail === 'run-abort');
  return neverRan ? 'pending' : WORDS[status];
}

/** How many have each status; those that none has are left out. */
export function countStatuses(statuses: Iterable<TaskStatus>): Partial<Record<TaskStatus, number>> {
  const counts: Partial<Record<TaskStatus, number>> = {};
  for (const status of statuses) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
