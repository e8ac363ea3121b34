import type { Core } from './core.ts';
import type { RunState } from './run-state.ts';

/**
 * A control node that waits for nothing any more but to be expanded. It takes no backend and no slot, and stays `pending`
 * until what it became is being committed:
 *
 * listed -> taken, when a turn hands it to whoever expands it -> gone, with its end
 *        -> parked, while its run is paused, also when that comes in between -> listed
 *
 * Whatever takes it out of its wait (a hold, a cancel, an upstream that is run again) takes it out of `RunState.controls`:
 * then nothing comes of an expansion that is under way.
 */
export interface ReadyControl {
  readonly run: RunState;
  readonly job: number;
  /** Wall clock. */
  takenAt: number;
  state: 'listed' | 'taken' | 'parked';
}

/** Enters a control node whose edges are satisfied. */
export function listControl(core: Core, run: RunState, job: number): void {
  if (run.controls.has(job)) return;
  const control: ReadyControl = { run, job, takenAt: 0, state: 'listed' };
  run.controls.set(job, control);
  core.controls.push(control);
}

/** Whether something may come of it now. */
export function mayExpand(core: Core, control: ReadyControl): boolean {
  const { run, job } = control;
  if (core.draining || core.runs.get(run.id) !== run || run.controls.get(job) !== control) return false;
  return !run.paused && !run.stopping && !run.interrupting;
}

/** Its run is paused or stops: it stays where it is. */
export function park(control: ReadyControl): void {
  control.state = 'parked';
}

/** Somebody kept it back meanwhile: it is taken again, at once or when its run goes on. */
export function takeAgain(core: Core, control: ReadyControl): void {
  if (!mayExpand(core, control)) return park(control);
  control.state = 'listed';
  core.controls.push(control);
}

/** The run goes on: what was kept back is looked at again. */
export function listParked(core: Core, run: RunState): void {
  for (const control of run.controls.values()) {
    if (control.state !== 'parked') continue;
    control.state = 'listed';
    core.controls.push(control);
  }
}
