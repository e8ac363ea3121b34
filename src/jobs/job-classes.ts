import { types } from 'node:util';
import { referenceTo } from '../calls/index.ts';
import { HeddleError } from '../model/index.ts';
import type { Args, ResultOf, ValueOf } from './argument.ts';
import { Job, type JobInit } from './job.ts';
import type { JobOptions } from './job-options.ts';
import type { AnyFunction } from './job-state.ts';

/** Options of a job that runs in a child process. */
export interface ProcessJobOptions<Value = unknown> extends JobOptions<Value> {
  /** Its working directory is the job's own while it runs. @default false */
  readonly enterDirectory?: boolean;
}

/** After the function: its arguments, which may be left out when it needs none, and options. */
type Rest<Parameters extends readonly unknown[], Options> = [] extends Parameters
  ? [args?: Args<Parameters>, options?: Options]
  : [args: Args<Parameters>, options?: Options];

/**
 * Calls a function in this process, between other things: for what waits, and for what must see this process's memory.
 * Any function will do; arguments and result are copied, as everywhere.
 *
 * @example
 * const sum = new LocalJob((a: number, b: number) => a + b, [1, 2]);
 */
export class LocalJob<Parameters extends readonly unknown[], Returned> extends Job<
  ResultOf<Returned>,
  ValueOf<Returned>
> {
  constructor(
    fn: (...parameters: Parameters) => Returned,
    ...[args, options]: Rest<Parameters, JobOptions<NoInfer<ValueOf<Returned>>>>
  ) {
    super(callInit(fn, { backend: 'inline', args: args ?? [], options: options ?? {} }));
  }
}

/**
 * Calls a function in a thread of this process: for what computes. The function travels: it is exported from its
 * module, or closes over nothing.
 *
 * @throws {HeddleError} FUNCTION_CANNOT_TRAVEL naming the variable it closes over
 */
export class ThreadJob<Parameters extends readonly unknown[], Returned> extends Job<
  ResultOf<Returned>,
  ValueOf<Returned>
> {
  constructor(
    fn: (...parameters: Parameters) => Returned,
    ...[args, options]: Rest<Parameters, JobOptions<NoInfer<ValueOf<Returned>>>>
  ) {
    super(callInit(fn, { backend: 'threads', args: args ?? [], options: options ?? {}, travels: true }));
  }
}

/**
 * Calls a function in a child process: for what may crash, or wants memory of its own. The function travels, as with
 * `ThreadJob`.
 *
 * @throws {HeddleError} FUNCTION_CANNOT_TRAVEL naming the variable it closes over
 */
export class ProcessJob<Parameters extends readonly unknown[], Returned> extends Job<
  ResultOf<Returned>,
  ValueOf<Returned>
> {
  constructor(
    fn: (...parameters: Parameters) => Returned,
    ...[args, options]: Rest<Parameters, ProcessJobOptions<NoInfer<ValueOf<Returned>>>>
  ) {
    super(
      callInit(fn, {
        backend: 'processes',
        args: args ?? [],
        options: options ?? {},
        travels: true,
        fields: ['enterDirectory'],
        enterDirectory: options?.enterDirectory === true,
      }),
    );
  }
}

interface CallOptions {
  readonly backend: string;
  readonly args: readonly unknown[];
  readonly options: JobOptions<never>;
  /** It leaves this process. */
  readonly travels?: true;
  readonly fields?: readonly string[];
  readonly enterDirectory?: boolean;
}

function callInit(
  fn: AnyFunction,
  { backend, args, options, travels, fields = [], enterDirectory = false }: CallOptions,
): JobInit {
  if (typeof fn !== 'function') {
    throw new HeddleError('INPUT_INVALID', `a job is made of a function, not of ${typeof fn}`, {
      hint: 'new LocalJob(fn, [argument, ...], options)',
    });
  }
  const task = fn.name === '' ? 'anonymous' : fn.name;
  if (!Array.isArray(args)) {
    throw new HeddleError('INPUT_INVALID', `the arguments of '${task}' are a list, not ${typeof args}`, {
      hint: 'new LocalJob(fn, [argument, ...], options)',
    });
  }
  const stream = types.isGeneratorFunction(fn);
  return {
    name: task,
    options,
    fields,
    work: {
      kind: 'call',
      backend,
      task,
      fn,
      args,
      stream,
      enterDirectory,
      ...(travels ? { reference: referenceTo(fn) } : {}),
    },
  };
}
