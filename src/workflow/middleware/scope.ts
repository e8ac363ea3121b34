import { AsyncLocalStorage } from 'node:async_hooks';
import { HeddleError } from '../../model/index.ts';
import type { WorkflowManager } from './workflow-manager.ts';

const current = new AsyncLocalStorage<WorkflowManager>();

/**
 * Runs a function; in it, and in all it brings about, `getScope()` gives this manager. Behind it what was holds again, however the
 * function ends. The same manager may be entered again inside; another may not.
 *
 * @throws {HeddleError} SCOPE_INVALID when the manager is closed, or another one is in scope
 */
export function scope<Result>(manager: WorkflowManager, run: () => Result): Result {
  if (manager.isClosed) {
    throw new HeddleError('SCOPE_INVALID', 'the workflow manager is closed', {
      hint: 'open another one: WorkflowManager.open()',
    });
  }
  const outer = current.getStore();
  if (outer !== undefined && outer !== manager && !outer.isClosed) {
    throw new HeddleError('SCOPE_INVALID', 'another workflow manager is in scope', {
      hint: 'add to that one (getScope()), or leave its scope first',
    });
  }
  return current.run(manager, run);
}

/** The manager that is in scope. @throws {HeddleError} SCOPE_INVALID when none is */
export function getScope(): WorkflowManager {
  const manager = current.getStore();
  if (manager !== undefined) return manager;
  throw new HeddleError('SCOPE_INVALID', 'no workflow manager is in scope', {
    hint: 'scope(manager, () => ...) enters one; a script that run() executes has one',
  });
}
