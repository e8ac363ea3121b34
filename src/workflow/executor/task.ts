import {
  checkFields,
  type DurationInput,
  HeddleError,
  type Json,
  type ResourcesInput,
  type RetryInput,
} from '../../model/index.ts';
import type { TaskStatus } from './task-status.ts';

/** What any task may say of itself. */
export interface AnyTaskOptions {
  /** Names of the tasks that must be completed before it starts. */
  readonly deps?: readonly string[];
  /** What it is about, for people. */
  readonly readme?: string;
  readonly resources?: ResourcesInput;
  /** Stands in for the executor's `retryPolicy`. Spans of time are those of heddle: `'10s'`, or milliseconds. */
  readonly retry?: RetryInput;
  /** How long an attempt may take: `'10m'`, or milliseconds. */
  readonly timeout?: DurationInput;
  readonly environment?: Readonly<Record<string, string>>;
  /** Where it runs, by name. @default the executor's */
  readonly backend?: string;
}

/** A task that calls a function. */
export interface FunctionTaskOptions<Inputs extends object, Result> extends AnyTaskOptions {
  /** Called with its inputs, those of the run's parameters over its own. */
  readonly func: (inputs: Inputs) => Result | Promise<Result>;
  readonly inputs?: Partial<Inputs>;
  readonly commands?: undefined;
}

/** A task of shell commands, one after the other. */
export interface ShellTaskOptions extends AnyTaskOptions {
  /**
   * Each is a line for a shell. `$name` and `${name}` are filled from the run's parameters, else from `inputs`, always quoted;
   * `$$` is a dollar of the shell's own.
   */
  readonly commands: readonly string[];
  readonly inputs?: Readonly<Record<string, Json>>;
  /** What a command that fails does to those after it. The task has failed in both cases. @default 'stop' */
  readonly onFailure?: 'stop' | 'continue';
  /** The shell that runs them. @default 'sh' */
  readonly shell?: string;
  /** Where they run; a relative path starts at the working directory. @default the working directory */
  readonly workingDirectory?: string;
  readonly func?: undefined;
}

/** What one command of a shell task came to. */
export interface CommandRecord {
  /** From 0. */
  readonly index: number;
  /** As it was run, its variables filled in. */
  readonly text: string;
  /** -1 where it came to no end of its own: its task was stopped before. */
  readonly returncode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly success: boolean;
}

/** What a shell task came to. */
export interface ShellTaskResult {
  readonly taskName: string;
  readonly taskType: string;
  readonly status: TaskStatus;
  readonly success: boolean;
  /** Those that were begun. */
  readonly commandsExecuted: number;
  readonly commands: readonly CommandRecord[];
}

/** What a task does, as data. */
export type TaskWork =
  | { readonly kind: 'function'; readonly func: (inputs: never) => unknown }
  | {
      readonly kind: 'shell';
      readonly commands: readonly string[];
      readonly onFailure: 'stop' | 'continue';
      readonly shell: string;
      readonly workingDirectory: string | undefined;
    };

const COMMON_FIELDS = ['deps', 'readme', 'resources', 'retry', 'timeout', 'environment', 'backend', 'inputs'];
const FUNCTION_FIELDS: readonly string[] = [...COMMON_FIELDS, 'func'];
const SHELL_FIELDS: readonly string[] = [...COMMON_FIELDS, 'commands', 'onFailure', 'shell', 'workingDirectory'];

/**
 * One named piece of work. It has no status: whoever executes it knows how it stands, and the same task may stand in several
 * experiments. Made by `LocalTask` or `ShellTask`.
 */
export abstract class Task<Result = unknown> {
  /** Carries the type of its result; never there. */
  declare readonly '~result': Result;
  readonly name: string;
  readonly deps: readonly string[];
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly options: AnyTaskOptions;
  readonly work: TaskWork;
  /** The class it was made by: `taskType` of its result. */
  readonly type: string;

  /** @throws {HeddleError} INPUT_INVALID */
  protected constructor(name: string, type: string, options: FunctionTaskOptions<never, Result> | ShellTaskOptions) {
    if (typeof name !== 'string' || name === '') throw invalid('a task has no name', `new ${type}('fit', { ... })`);
    if (typeof options !== 'object' || options === null)
      throw invalid(`task '${name}' does nothing`, "give it a function or commands: { commands: ['echo hi'] }");
    checkFields(options, options.func === undefined ? SHELL_FIELDS : FUNCTION_FIELDS, `task '${name}'`);
    this.name = name;
    this.type = type;
    this.options = options;
    this.deps = checkedDeps(name, options.deps);
    this.inputs = { ...options.inputs };
    this.work = workOf(name, options);
  }

  /** The shell commands of a shell task. */
  get commands(): readonly string[] | undefined {
    return this.work.kind === 'shell' ? this.work.commands : undefined;
  }
}

/**
 * A task that calls a function of this program, or runs shell commands. The result of a function is the task's; that of
 * commands is their record.
 *
 * @example
 * new LocalTask('double', { func: ({ x }) => x * 2, inputs: { x: 5 } });
 * new LocalTask('prepare', { commands: ['python3 prepare.py --temp ${temperature}'] });
 */
export class LocalTask<
  Inputs extends object = Readonly<Record<string, Json>>,
  Result = ShellTaskResult,
> extends Task<Result> {
  /** @throws {HeddleError} INPUT_INVALID */
  constructor(name: string, options: FunctionTaskOptions<Inputs, Result> | ShellTaskOptions) {
    super(name, 'LocalTask', options as FunctionTaskOptions<never, Result> | ShellTaskOptions);
  }
}

/** A task of shell commands. @example new ShellTask('analyze', { commands: ['wc -l data.txt'], deps: ['prepare'] }); */
export class ShellTask extends Task<ShellTaskResult> {
  /** @throws {HeddleError} INPUT_INVALID */
  constructor(name: string, options: ShellTaskOptions) {
    super(name, 'ShellTask', options);
  }
}

/** Of a task: what `executeTask` gives. */
export type ResultOfTask<T> = T extends Task<infer Result> ? Result : never;

function invalid(message: string, hint: string): HeddleError {
  return new HeddleError('INPUT_INVALID', message, { hint });
}

function checkedDeps(name: string, deps: readonly string[] = []): readonly string[] {
  if (!Array.isArray(deps) || !deps.every((each) => typeof each === 'string' && each !== ''))
    throw invalid(`deps of task '${name}' are no names`, "deps: ['prepare']");
  return [...new Set(deps)];
}

function workOf(name: string, options: FunctionTaskOptions<never, unknown> | ShellTaskOptions): TaskWork {
  if (options.func !== undefined) {
    if (typeof options.func === 'function')
      return { kind: 'function', func: options.func as (inputs: never) => unknown };
    throw invalid(`func of task '${name}' is no function`, 'func: ({ x }) => x * 2');
  }
  const { commands, onFailure = 'stop', shell = 'sh', workingDirectory } = options;
  if (!Array.isArray(commands) || commands.length === 0 || !commands.every((each) => typeof each === 'string'))
    throw invalid(`task '${name}' has neither a function nor commands`, "commands: ['python3 prepare.py']");
  if (onFailure !== 'stop' && onFailure !== 'continue')
    throw invalid(`onFailure of task '${name}' can't be '${String(onFailure)}'`, "choose 'stop' or 'continue'");
  return { kind: 'shell', commands: [...commands], onFailure, shell, workingDirectory };
}
