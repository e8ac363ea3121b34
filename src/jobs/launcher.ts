import { HeddleError } from '../model/index.ts';
import type { Args, ResultOf, ValueOf } from './argument.ts';
import { runSequence } from './command-sequence.ts';
import { type CommandTemplate, isSequence } from './command-template.ts';
import { Engine } from './engine.ts';
import type { Job } from './job.ts';
import { LocalJob, ProcessJob, ThreadJob } from './job-classes.ts';
import type { JobOptions } from './job-options.ts';
import { submitInScope } from './scope.ts';
import { SubprocessJob, type SubprocessJobOptions } from './subprocess-job.ts';
import { bodyErrorIn } from './task-error.ts';

/** Where a launcher's calls are made. */
export type LauncherBackend = 'inline' | 'threads' | 'processes';

/** How a launcher's jobs are treated: as `JobOptions`, for each of them. */
export interface LauncherOptions<Value = unknown> extends JobOptions<Value> {
  /** @default 'threads' */
  readonly backend?: LauncherBackend;
  /** @default the innermost `engine.scope()`, else one that is opened in memory for as long as it is needed */
  readonly engine?: Engine;
  /** For people. */
  readonly description?: string;
}

/** A function whose calls are jobs. */
export interface Launcher<Parameters extends readonly unknown[], Result, Value> {
  /** Submits a job and gives its result; rejects with what its body threw. */
  (...parameters: Args<Parameters>): Promise<Result>;
  /** Submits a job. */
  submit(...parameters: Args<Parameters>): Job<Result, Value>;
  /** The same with other options, for single calls: `add.with({ retries: 2 })(1, 2)`. */
  with(options: LauncherOptions<Value>): Launcher<Parameters, Result, Value>;
  /** What its jobs are called. */
  readonly label: string;
  readonly description: string | undefined;
  readonly tags: readonly string[];
}

/** A command template whose calls are jobs. Their result is 0, or what a sequence of commands returns. */
export interface CommandLauncher<Parameters, Result> {
  (parameters: Parameters): Promise<Result>;
  submit(parameters: Parameters): Job<Result, unknown> & Pick<SubprocessJob, 'stdout' | 'stderr'>;
  with(options: CommandLauncherOptions): CommandLauncher<Parameters, Result>;
  readonly label: string;
  readonly description: string | undefined;
  readonly tags: readonly string[];
}

export interface CommandLauncherOptions extends Omit<SubprocessJobOptions, 'onDone'> {
  readonly engine?: Engine;
  readonly description?: string;
}

/**
 * Makes a launcher of a function, or of a command template. A call of it gives a promise of the result; `submit` gives
 * the job.
 *
 * @example
 * const add = launcher((a: number, b: number) => a + b, { backend: 'processes' });
 * const job = add.submit(1, 2);
 * const sum = await add(job, 3);
 */
export function launcher<Parameters, Result>(
  template: CommandTemplate<Parameters, Result>,
  options?: CommandLauncherOptions,
): CommandLauncher<Parameters, Result>;
export function launcher<Parameters extends readonly unknown[], Returned>(
  fn: (...parameters: Parameters) => Returned,
  options?: LauncherOptions<NoInfer<ValueOf<Returned>>>,
): Launcher<Parameters, ResultOf<Returned>, ValueOf<Returned>>;
export function launcher(
  made: ((...parameters: never[]) => unknown) | CommandTemplate<unknown, unknown>,
  options: LauncherOptions<never> & CommandLauncherOptions = {},
): unknown {
  const { engine, description, ...jobOptions } = options;
  const toJob =
    typeof made === 'function' ? callMaker(made, jobOptions) : commandMaker(made, jobOptions as SubprocessJobOptions);
  const submit = (...parameters: readonly unknown[]): Job<unknown, unknown> => {
    const job = toJob(parameters);
    if (engine === undefined) submitInScope(job, () => Engine.open());
    else engine.submit(job);
    return job;
  };
  const call = async (...parameters: readonly unknown[]): Promise<unknown> => {
    try {
      return await submit(...parameters).result();
    } catch (error) {
      throw bodyErrorIn(error);
    }
  };
  const again = (other: object): unknown => launcher(made as never, { ...options, ...other } as never);
  const label = options.name ?? made.name ?? 'command';
  return Object.assign(call, { submit, with: again, label, description, tags: options.tags ?? [] });
}

type MakeJob = (parameters: readonly unknown[]) => Job<unknown, unknown>;

function callMaker(fn: (...parameters: never[]) => unknown, options: LauncherOptions<never>): MakeJob {
  const { backend = 'threads', ...jobOptions } = options;
  const Kind = kindOf(backend) as unknown as new (
    body: unknown,
    parameters: readonly unknown[],
    jobOptions: unknown,
  ) => Job<unknown, unknown>;
  return (parameters) => new Kind(fn, parameters, jobOptions);
}

function kindOf(backend: LauncherBackend): typeof LocalJob | typeof ThreadJob | typeof ProcessJob {
  switch (backend) {
    case 'inline':
      return LocalJob;
    case 'threads':
      return ThreadJob;
    case 'processes':
      return ProcessJob;
    default:
      throw new HeddleError('BACKEND_UNKNOWN', `a launcher can't use '${String(backend satisfies never)}'`, {
        hint: "choose 'inline', 'threads' or 'processes'",
      });
  }
}

function commandMaker(template: CommandTemplate<unknown, unknown>, options: SubprocessJobOptions): MakeJob {
  const named = template.name === undefined ? options : { name: template.name, ...options };
  return ([parameters]) => {
    const built = template.build(parameters);
    if (!isSequence(built)) return new SubprocessJob(built, named);
    const { targetDirectory: _, ...forJob } = named as Omit<SubprocessJobOptions, 'onDone'>;
    const wrap = (command: string | readonly string[]): readonly string[] => template.wrap(command);
    // Each try, and each rerun, begins with the first command.
    const run = (): Promise<unknown> => {
      const sequence = template.build(parameters);
      return isSequence(sequence) ? runSequence(sequence, wrap, named) : Promise.resolve(0);
    };
    return new LocalJob(run, [], { name: 'commands', redirect: true, ...forJob, resumable: false });
  };
}
