import type { TargetSettings } from '../../config/index.ts';
import type { Backend, Clock } from '../../model/index.ts';
import type { TargetFinding } from './inspect-target.ts';

export type { TargetFinding } from './inspect-target.ts';

/**
 * Targets as backends: what `--backend NAME` chooses. Nothing is reached before an engine opens them. What reaches them is
 * loaded when it is wanted.
 */
export async function targetBackends(targets: readonly TargetSettings[]): Promise<readonly Backend[]> {
  const { targetBackend } = await import('./target-backend.ts');
  return targets.map(targetBackend);
}

/**
 * Connects to a target, measures, and says what it has and what it lacks. With `install` Node is put there first, where none fits.
 * Never throws: what goes wrong is a finding.
 */
export async function inspectTarget(
  settings: TargetSettings,
  how: { readonly clock: Clock; readonly install: boolean },
): Promise<readonly TargetFinding[]> {
  const inspecting = await import('./inspect-target.ts');
  return await inspecting.inspectTarget(settings, how);
}
