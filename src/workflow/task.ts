import { getCallSites } from 'node:util';
import { pathToFileURL } from 'node:url';
import { encodeArguments, registerTask } from '../calls/lane-face.ts';
import { type CallPayload, type Definition, HeddleError, type Ref } from '../model/index.ts';
import { FileInput, refOf } from './data.ts';
import { type CallHandle, callHandle, type Redefine } from './handle.ts';
import type { Symbolic } from './placeholder.ts';
import { checkFields, definitionOf, type DefinitionOptions, POLICY_FIELDS, type PolicyOptions } from './policy.ts';
import { currentRecorder, type NodeRecord, valueEdges } from './recorder.ts';

/** How a function is treated as a task. */
export interface TaskOptions extends DefinitionOptions {
  /** The module that defines it, as `import.meta.url`: where a bundler has moved it from where it is called. */
  readonly module?: string;
}

/** A function as a task: call it inside a workflow. */
export interface CallTask<Arguments extends readonly unknown[], Result> {
  (...parameters: SymbolicArguments<Arguments>): CallHandle<Result>;
  readonly definition: Definition;
  /** The function itself, for calls outside of a workflow. */
  readonly run: (...parameters: Arguments) => unknown;
  /** The same task on a named backend, with other policies where they are given. */
  on(backend: string, overrides?: Omit<PolicyOptions, 'backend'>): CallTask<Arguments, Result>;
}

/** Each argument, or a placeholder wherever in it a value may stand. */
export type SymbolicArguments<Arguments extends readonly unknown[]> = {
  [Index in keyof Arguments]: Symbolic<Arguments[Index]>;
};

/** The value of a task: what the function returns or resolves to; the list of what a generator yields. */
export type TaskResult<Returned> =
  Returned extends Generator<infer Item, unknown, never>
    ? readonly Item[]
    : Returned extends AsyncGenerator<infer Item, unknown, never>
      ? readonly Item[]
      : Awaited<Returned>;

const FIELDS: readonly string[] = ['module', 'environment', 'cache', ...POLICY_FIELDS];

/**
 * Defines a task by a function. It runs wherever its backend has lanes, found there by its module and this name: so
 * define tasks at the top of a module, and guard what a script does besides by `if (import.meta.main)`. Arguments and result are data.
 *
 * @example
 * export const analyze = task('analyze', (energies: Energy[]) => equationOfState(energies));
 *
 * @throws {HeddleError} INPUT_INVALID, RESOURCES_IMPOSSIBLE, naming field and value
 */
export function task<Arguments extends readonly unknown[], Returned>(
  name: string,
  run: (...parameters: Arguments) => Returned,
  options: TaskOptions = {},
): CallTask<Arguments, TaskResult<Returned>> {
  if (typeof name !== 'string')
    throw new HeddleError('INPUT_INVALID', 'task() was given no name', {
      hint: "its name comes first: task('name', (x) => ...)",
    });
  checkFields(options, FIELDS, `task '${name}'`);
  if (typeof run !== 'function')
    throw new HeddleError('INPUT_INVALID', `task '${name}' has no function`, { hint: 'task(name, (x) => ...)' });
  const { module = callerModule(name), ...policies } = options;
  registerTask(name, run as (...parameters: never[]) => unknown, module);
  return callTask(name, run, { module, ...policies });
}

function callTask<Arguments extends readonly unknown[], Result>(
  name: string,
  run: (...parameters: Arguments) => unknown,
  options: TaskOptions & { readonly module: string },
): CallTask<Arguments, Result> {
  const { module, ...policies } = options;
  const definition = definitionOf(name, 'call', policies);
  const redefine: Redefine = (record, backend, overrides) => {
    record.definition = definitionOf(name, 'call', { ...policies, ...overrides, backend });
  };
  const call = (...parameters: readonly unknown[]): CallHandle<Result> => {
    const recorder = currentRecorder(name);
    const uses = new Set<NodeRecord>();
    // A hole and a file of the user's are data as a ref is: they stand where one will stand.
    const placeOf = (value: object): Ref | undefined =>
      (value instanceof FileInput ? { $file: value.path } : refOf(value, { recorder, uses })) as Ref | undefined;
    const args = encodeArguments(parameters, placeOf);
    const payload: CallPayload = { call: { kind: 'module', module, name, task: true }, args };
    const node = {
      definition,
      payload: JSON.stringify(payload),
      edges: valueEdges(name, uses),
      expectedMs: 0,
      published: [],
    };
    return callHandle<Result>(recorder.record(node), redefine);
  };
  const on = (backend: string, overrides: Omit<PolicyOptions, 'backend'> = {}): CallTask<Arguments, Result> =>
    callTask(name, run, { ...options, ...overrides, backend });
  return Object.assign(call as unknown as CallTask<Arguments, Result>, { definition, run, on });
}

/** The module `task` is called from. */
function callerModule(name: string): string {
  const own = import.meta.url;
  for (const { scriptName } of getCallSites(8)) {
    const url = scriptName.startsWith('/') ? pathToFileURL(scriptName).href : scriptName;
    if (url.startsWith('file:') && url !== own) return url;
  }
  throw new HeddleError('INPUT_INVALID', `task '${name}' is defined outside of any module`, {
    hint: 'define it in a file, or say where: task(name, fn, { module: import.meta.url })',
  });
}
