/** By name, so that two copies of this package know each other's. */
const mark = Symbol.for('heddle.app');

/** What a script does: given the arguments that stood behind it. */
export type App = (args: readonly string[]) => unknown;

/**
 * Marks the one function of a script that `run` calls, with a workflow manager in scope whose items are being dispatched. Export it.
 *
 * @example
 * export const main = app(async ([name = 'world']) => {
 *   const hello = getScope().addItem(executable(['echo', `hello ${name}`]));
 *   console.log(await (await hello.result()).stdout.text());
 * });
 */
export function app<Fn extends App>(fn: Fn): Fn {
  return Object.defineProperty(fn, mark, { value: true });
}

/** Says whether a value is a function that `app` marked. @internal */
export function isApp(value: unknown): value is App {
  return typeof value === 'function' && mark in value;
}
