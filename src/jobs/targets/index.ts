import type { TargetSettings } from '../../config/index.ts';
import type { Backend, Clock, ResourceRequest, SchedulingOptions } from '../../model/index.ts';
import type { TargetFinding } from './inspect-target.ts';
import type { TaskScript } from './preview-target.ts';
import type { AgentRunOptions } from './run-agent.ts';

// For the facades of workflow/, which imports no room below this one but the model and the calls.
export { checkTarget, type TargetInput, targetSettings, type TargetSettings } from '../../config/index.ts';
export type { TaskScript } from './preview-target.ts';
export type { TargetFinding } from './inspect-target.ts';

/**
 * Targets as backends: what `--backend NAME` chooses. Nothing is reached before an engine opens them. What reaches them is
 * loaded when it is wanted.
 */
export async function targetBackends(targets: readonly TargetSettings[]): Promise<readonly Backend[]> {
  const { targetBackend } = await import('./target-backend.ts');
  return targets.map(targetBackend);
}

/** Is the agent of one machine of an allocation until it leaves; gives why. */
export async function runAgent(options: AgentRunOptions): Promise<string> {
  const running = await import('./run-agent.ts');
  return await running.runAgent(options);
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

/** One kind of task: alike in what it asks for. */
export interface TaskKind {
  readonly resources: ResourceRequest;
  readonly scheduling?: SchedulingOptions;
  readonly tasks: number;
}

/** The native script that tasks of a kind would be submitted to a target with; undefined where it has no batch system. */
export async function previewTarget(
  settings: TargetSettings,
  kind: TaskKind,
  where: { readonly store: string },
): Promise<TaskScript | undefined> {
  const previewing = await import('./preview-target.ts');
  return previewing.previewTarget(settings, kind, where);
}
