import { type CallReference, HeddleError } from '../model/lane-face.ts';
import type { AnyFunction } from './local-functions.ts';

/** The tasks of this process, by module and name. Also across two copies of this package: a lane may load another. */
const REGISTRY = Symbol.for('heddle.tasks');

interface Registry {
  readonly byPlace: Map<string, AnyFunction>;
  readonly references: WeakMap<AnyFunction, CallReference>;
}

const registry: Registry = ((globalThis as { [REGISTRY]?: Registry })[REGISTRY] ??= {
  byPlace: new Map(),
  references: new WeakMap(),
});

const placeOf = (moduleUrl: string, name: string): string => `${moduleUrl}\n${name}`;

/**
 * Makes a function known under a name of its module, so that whoever loads the module finds it.
 *
 * @throws {HeddleError} INPUT_INVALID when the module has another task of that name
 */
export function registerTask(name: string, fn: AnyFunction, moduleUrl: string): void {
  const place = placeOf(moduleUrl, name);
  const earlier = registry.byPlace.get(place);
  if (earlier !== undefined && earlier !== fn && String(earlier) !== String(fn)) {
    throw new HeddleError('INPUT_INVALID', `two tasks of ${moduleUrl} are named '${name}'`, {
      hint: 'give one of them another name',
    });
  }
  registry.byPlace.set(place, fn);
  registry.references.set(fn, { kind: 'module', module: moduleUrl, name, task: true });
}

/** The function a loaded module registered under a name. */
export function registeredTask(moduleUrl: string, name: string): AnyFunction | undefined {
  return registry.byPlace.get(placeOf(moduleUrl, name));
}

/** How a function that was registered as a task is found again. */
export function referenceOfTask(fn: AnyFunction): CallReference | undefined {
  return registry.references.get(fn);
}
