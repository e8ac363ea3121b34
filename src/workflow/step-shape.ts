import type { NodeRecord } from './recorder.ts';

/** Under this key the steps of a sequence or of parallel ones keep what they are. */
export const STEPS: unique symbol = Symbol('heddle.steps');

/** Nodes that belong together, by where one comes in and where one goes out. Both are empty for none at all. */
export interface StepNodes {
  readonly entries: readonly NodeRecord[];
  readonly exits: readonly NodeRecord[];
  readonly all: ReadonlySet<NodeRecord>;
}

/** The nodes of steps; undefined for every other value. */
export function stepsOf(value: unknown): StepNodes | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, STEPS)) return undefined;
  return (value as { readonly [STEPS]: StepNodes })[STEPS];
}
