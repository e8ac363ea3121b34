import { registerTask } from '../../../src/calls/index.ts';

export { describeFunction } from '../../../src/calls/index.ts';

/** As `task` of the workflow room does it, for the module beside. */
export function task<F extends (...parameters: never[]) => unknown>(name: string, fn: F): F {
  registerTask(name, fn, new URL('module.entry.ts', import.meta.url).href);
  return fn;
}
