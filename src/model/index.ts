export type * from './backend.ts';
export * from './canonical-json.ts';
export type * from './clock.ts';
export type * from './condition.ts';
export * from './container.ts';
export { withContainer } from './graph-container.ts';
export type { Body, BodyNode, ControlPayload, Hole, HoleKind, Test, Tests } from './control.ts';
export {
  bodiesOf,
  type ControlChange,
  type DataRole,
  gatherRefs,
  hasTests,
  isControl,
  mapPayload,
  neededBy,
  refsOf,
} from './control-data.ts';
export * from './definition-input.ts';
export * from './errors.ts';
export type * from './event.ts';
export { expandControl, holds as testHolds } from './expansion.ts';
export type * from './fingerprint-rows.ts';
export * from './graph.ts';
export * from './graph-builder.ts';
export * from './graph-check.ts';
export * from './graph-columns.ts';
export * from './graph-measure.ts';
export * from './graph-names.ts';
export * from './ids.ts';
export { mentionedByResults } from './instance.ts';
export * from './logger.ts';
export type * from './observer.ts';
export * from './outcome.ts';
export * from './policy.ts';
export * from './redactor.ts';
export * from './resource-limit-error.ts';
export * from './resources.ts';
export * from './scheduling.ts';
export * from './secret.ts';
export * from './shell-text.ts';
export * from './sizes.ts';
export * from './status.ts';
export * from './store.ts';
export type * from './task.ts';
export * from './template.ts';
export { brief, decodeData, misplacedSecret, resolveArgument, resolveContext } from './template-data.ts';
export * from './value.ts';
