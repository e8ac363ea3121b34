import { ResourceLimitError } from '../../jobs/index.ts';
import { HeddleError } from '../../model/index.ts';

/** What nothing could ever grant, as the limit it meets; any other error is itself. */
export function limitIn(error: unknown): unknown {
  if (!HeddleError.is(error) || error.code !== 'RESOURCES_IMPOSSIBLE') return error;
  const { job, task } = (error.details ?? {}) as { readonly job?: string; readonly task?: string };
  const hint = error.hint === undefined ? {} : { hint: error.hint };
  return new ResourceLimitError(error.message, { task: task ?? job ?? '', resource: '' }, { cause: error, ...hint });
}
