import { checkTarget, targetBackends } from '../../jobs/index.ts';
import type { Backend } from '../../model/index.ts';
import { adaptBackend, type Adaptation, isTaskBackend } from './base-backend.ts';
import type { ExecutorOptions } from './executor-options.ts';
import { isTargetChoice } from './target-choice.ts';

/** What an executor's own backend is to its engine; nothing where it has none, or names one that every engine has. */
export async function ownBackends(
  backend: ExecutorOptions['backend'],
  adaptation: Adaptation,
): Promise<readonly Backend[]> {
  if (typeof backend !== 'object') return [];
  if (isTargetChoice(backend)) {
    await checkTarget(backend.name, backend.input);
    return await targetBackends([backend.target]);
  }
  return [isTaskBackend(backend) ? adaptBackend(backend, adaptation) : backend];
}
