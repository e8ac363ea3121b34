import {
  type CommandPayload,
  type Definition,
  type FileValue,
  HeddleError,
  type InputSpec,
  staysInside,
} from '../model/index.ts';
import { type DataScope, type FileInput, toData } from './data.ts';
import { type Handle, handleMaker, type Redefine } from './handle.ts';
import { checkOutputs, type Outputs, outputSpecs } from './output.ts';
import type { Placeholder, Symbolic } from './placeholder.ts';
import { checkFields, definitionOf, type DefinitionOptions, POLICY_FIELDS, type PolicyOptions } from './policy.ts';
import { currentRecorder, type NodeRecord, valueEdges } from './recorder.ts';
import { argvData, type Interpolation, scriptData, ShellCommand } from './shell.ts';

/** What a command is. `run` is called once a job, with placeholders where a value is not known yet. */
export interface CommandOptions<P, O extends Outputs> extends DefinitionOptions {
  /** A shell command by `` sh`...` ``, or a program and its arguments, which no shell sees. */
  readonly run: (parameters: P) => ShellCommand | readonly Interpolation[];
  /** What it must leave behind. */
  readonly outputs?: O;
  /** Files wanted under names of their own below `inputs/`; those in the command's text need not stand here. */
  readonly inputs?: (parameters: P) => Readonly<Record<string, FileValue | FileInput | Placeholder<FileValue>>>;
}

/** A command as a task: call it inside a workflow. */
export interface CommandTask<P, O extends Outputs> {
  (...parameters: unknown extends P ? [] : [parameters: Symbolic<P>]): Handle<O>;
  readonly definition: Definition;
  /** The same command on a named backend, with other policies where they are given. */
  on(backend: string, overrides?: Omit<PolicyOptions, 'backend'>): CommandTask<P, O>;
}

const FIELDS: readonly string[] = ['run', 'outputs', 'inputs', 'environment', 'cache', 'container', ...POLICY_FIELDS];

/**
 * Defines a command: what to run, what it leaves behind, what it needs.
 *
 * @example
 * const simulate = command('simulate', {
 *   run: (p: { temperature: number }) => sh`./md --temp ${p.temperature} --out energy.json`,
 *   outputs: { energy: json<Energy>('energy.json') },
 *   resources: { cpus: 4, memory: '8GiB', time: '2h' },
 * });
 *
 * @throws {HeddleError} INPUT_INVALID, RESOURCES_IMPOSSIBLE, naming field and value
 */
export function command<P, O extends Outputs = Record<never, never>>(
  name: string,
  options: CommandOptions<P, O>,
): CommandTask<P, O> {
  checkFields(options, FIELDS, `command '${name}'`);
  if (typeof options.run !== 'function') {
    throw new HeddleError('INPUT_INVALID', `command '${name}' has no run`, { hint: 'run: (p) => sh`...`' });
  }
  const outputs = options.outputs ?? ({} as O);
  checkOutputs(name, outputs);
  const define = (policies: DefinitionOptions): Definition => {
    const made = definitionOf(name, 'command', policies);
    return Object.values(outputs).some(({ temporary }) => temporary) ? { ...made, temporary: true } : made;
  };
  const definition = define(options);
  const redefine: Redefine = (record, backend, overrides) => {
    record.definition = define({ ...options, ...overrides, backend });
  };
  const makeHandle = handleMaker(outputs, redefine);
  const call = (parameters?: unknown): Handle<O> => {
    const recorder = currentRecorder(name);
    const scope: DataScope = { recorder, uses: new Set<NodeRecord>() };
    const payload = commandPayload(name, { ...options, outputs }, { parameters, scope });
    const published = payload.outputs?.flatMap(({ publish }) => (typeof publish === 'string' ? publish : [])) ?? [];
    const record = recorder.record({
      definition,
      payload: JSON.stringify(payload),
      edges: valueEdges(name, scope.uses),
      expectedMs: 0,
      published,
    });
    return makeHandle(record);
  };
  const on = (backend: string, overrides: Omit<PolicyOptions, 'backend'> = {}): CommandTask<P, O> =>
    command<P, O>(name, { ...options, ...overrides, backend });
  return Object.assign(call as unknown as CommandTask<P, O>, { definition, on });
}

interface Call {
  readonly parameters: unknown;
  readonly scope: DataScope;
}

function commandPayload<P, O extends Outputs>(
  name: string,
  options: CommandOptions<P, O> & { readonly outputs: O },
  { parameters, scope }: Call,
): CommandPayload {
  const run: unknown = options.run(parameters as P);
  const inputs = options.inputs === undefined ? [] : inputSpecs(name, options.inputs(parameters as P), scope);
  const outputs = outputSpecs(options.outputs, { task: name, parameters, scope });
  const rest = { ...(inputs.length === 0 ? {} : { inputs }), ...(outputs.length === 0 ? {} : { outputs }) };
  if (run instanceof ShellCommand) return { script: scriptData(run, scope, name), ...rest };
  if (Array.isArray(run) && run.length > 0) return { argv: argvData(run, scope, name), ...rest };
  const what = run instanceof Promise ? 'a promise' : Array.isArray(run) ? 'an empty list' : typeof run;
  throw new HeddleError('TEMPLATE_INVALID', `run of '${name}' returns ${what}`, {
    hint:
      run instanceof Promise
        ? 'what builds a graph is synchronous: wait inside a task'
        : 'return sh`...`, or [program, ...arguments]',
  });
}

function inputSpecs(task: string, inputs: Readonly<Record<string, unknown>>, scope: DataScope): readonly InputSpec[] {
  return Object.entries(inputs).map(([name, from]): InputSpec => {
    const data = toData(from, scope, `input '${name}' of '${task}'`);
    const isFile = typeof data === 'object' && data !== null && ('$ref' in data || '$hole' in data || '$file' in data);
    if (isFile && staysInside(name)) return { name, from: data as unknown as InputSpec['from'] };
    throw new HeddleError(
      'INPUT_INVALID',
      `input '${name}' of '${task}' ${isFile ? "can't have that name" : 'is no file'}`,
      {
        hint: isFile ? 'a name is a path below inputs/, without ..' : "take an output of a task, or input('path')",
      },
    );
  });
}
