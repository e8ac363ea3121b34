import {
  asError,
  type AttemptLimits,
  type AttemptOrder,
  HeddleError,
  type ResolvedWork,
  type Value,
} from '../model/index.ts';
import type { EngineOptions } from './api.ts';
import type { LiveAttempt } from './attempts.ts';

/** What is to be done where nothing is. */
export const NOOP: ResolvedWork = { kind: 'call', call: { kind: 'builtin', name: 'noop' }, args: [] };
const DEFAULT_OUTPUT_BYTES = 64 * 1024 * 1024;

/** What a backend is told of an attempt it is to start. */
export function orderOf(options: EngineOptions, attempt: LiveAttempt, work: ResolvedWork): AttemptOrder {
  const { resources: request, scheduling } = attempt.run.definition(attempt.job);
  return {
    attempt: attempt.id,
    fence: attempt.fence,
    run: attempt.run.id,
    job: attempt.run.nameOf(attempt.job),
    index: attempt.job,
    work,
    grant: attempt.grant,
    request,
    ...(scheduling === undefined ? {} : { scheduling }),
    ...containerOf(attempt),
    limits: limitsOf(options, attempt),
    directory: directoryOf(options, attempt),
    submission: attempt.submission,
    element: attempt.element,
  };
}

/** What the attempt runs in, where that was said. */
export function containerOf({ run, job }: LiveAttempt): Pick<AttemptOrder, 'container'> {
  const { container } = run.definition(job);
  return container === undefined ? {} : { container };
}

/** What the attempt is to do; an error when its inputs do not make work. */
export function workOf(
  options: EngineOptions,
  { run, job }: LiveAttempt,
  values: ReadonlyMap<number, Value | undefined>,
): ResolvedWork | Error {
  const payload = run.payloadOf(job);
  if (payload === '') return NOOP;
  const { kind, environment } = run.definition(job);
  if (kind === 'control')
    return new HeddleError('GRAPH_INVALID', 'this engine was opened without a way to expand control nodes');
  try {
    const nameOf = (node: number): string => run.nameOf(node);
    return options.resolveWork({ kind, payload, environment, nameOf, value: (node) => values.get(node) });
  } catch (thrown) {
    return asError(thrown);
  }
}

/** What an attempt may take of time and output. */
export function limitsOf(
  { outputBytes = DEFAULT_OUTPUT_BYTES }: EngineOptions,
  { run, job }: LiveAttempt,
): AttemptLimits {
  const { graceMs, timeouts } = run.definition(job);
  return timeouts.runMs === undefined ? { graceMs, outputBytes } : { graceMs, outputBytes, runMs: timeouts.runMs };
}

/** Where an attempt works. */
export function directoryOf({ attemptDirectory }: EngineOptions, { run, job, fence }: LiveAttempt): string {
  return attemptDirectory(run.id, job, run.nameOf(job), fence);
}
