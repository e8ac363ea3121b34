import { resolve } from 'node:path';
import { encodeArguments, portableReference, referenceTo } from '../calls/index.ts';
import {
  ACCEPT_ALL,
  type AcceptMask,
  type CallManner,
  type CallReference,
  type Condition as ConditionData,
  DATA_EDGE,
  type Definition,
  FINAL_STATUSES,
  HeddleError,
  type Ref,
} from '../model/index.ts';
import { AfterAnother, AfterOthers, AllSatisfied, type AnyCondition, type ConditionScope } from './conditions.ts';
import type { HeldFunctions } from './held-functions.ts';
import { asJob, type Job } from './job.ts';
import { hasPolicies, jobDefinition, type JobOptions } from './job-options.ts';
import type { JobState, JobWork, Upstream } from './job-state.ts';

/** A job as a node of the session's graph. */
export interface JobNode {
  readonly state: JobState;
  readonly definition: Definition;
  /** JSON. */
  readonly payload: string;
  readonly upstream: readonly Upstream[];
  /** Ids of jobs that it waits for and nobody has submitted yet. */
  readonly awaits: readonly string[];
  /** The function it keeps in memory. */
  readonly holds: JobState['holds'];
}

/** What writing jobs down needs to know. */
export interface EncodeScope extends ConditionScope {
  readonly functions: HeldFunctions;
  readonly definitions: Definitions;
  /** Another process must be able to go on with the jobs. */
  readonly durable: boolean;
  /** Where the caller's relative paths start. */
  readonly project: string;
  /** The state of a job whose value is wanted, submitting it where that has not been done. */
  wanted(job: Job<unknown, unknown>): JobState;
  /** The state of a job of this session, by its id. */
  known(id: string): JobState | undefined;
}

/**
 * Writes a job down as a node.
 *
 * @throws {HeddleError} INPUT_INVALID, RESOURCES_IMPOSSIBLE, VALUE_INVALID, FUNCTION_CANNOT_TRAVEL
 */
export function encodeJob(state: JobState, work: JobWork, scope: EncodeScope): JobNode {
  const upstream = new UpstreamList();
  const payload = work.kind === 'command' ? JSON.stringify(work.payload) : '';
  const call = work.kind === 'call' ? encodeCall(state, work, { scope, upstream }) : undefined;
  const gate = state.options.condition === undefined ? undefined : splitOrder(state.options.condition, scope, upstream);
  const definition = scope.definitions.of(state.options, work);
  return {
    state,
    definition: gate === undefined ? definition : { ...definition, condition: gate },
    payload: call?.payload ?? payload,
    upstream: upstream.all,
    awaits: gate === undefined ? [] : hardNames(gate).filter((id) => scope.known(id) === undefined),
    holds: call?.holds,
  };
}

/** Each job once, and a value outweighs an end. */
class UpstreamList {
  #all: Upstream[] | undefined;

  get all(): readonly Upstream[] {
    return this.#all ?? [];
  }

  add(state: JobState, accept: AcceptMask): void {
    const all = (this.#all ??= []);
    const at = all.findIndex((other) => other.state === state);
    if (at === -1) all.push({ state, accept });
    else if (accept === DATA_EDGE) all[at] = { state, accept };
  }
}

type CallWork = JobWork & { readonly kind: 'call' };

interface Surroundings {
  readonly scope: EncodeScope;
  readonly upstream: UpstreamList;
}

function encodeCall(
  state: JobState,
  work: CallWork,
  { scope, upstream }: Surroundings,
): { readonly payload: string; readonly holds: JobState['holds'] } {
  const placeOf = (value: object): Ref | undefined => {
    const job = asJob(value);
    if (job === undefined) return undefined;
    const found = scope.wanted(job);
    upstream.add(found, DATA_EDGE);
    return { $ref: [found.index] };
  };
  const args = JSON.stringify(argumentsOf(state, work, placeOf));
  const reference = referenceOf(state, work, scope);
  const call = reference === undefined ? scope.functions.keep(work.fn) : textOf(reference, scope.project);
  const manner = mannerOf(state.options, work, scope.project);
  return {
    payload: `{"call":${call},"args":${args}${manner}}`,
    holds: reference === undefined ? work.fn : undefined,
  };
}

function argumentsOf(state: JobState, work: CallWork, placeOf: (value: object) => Ref | undefined): readonly unknown[] {
  try {
    return encodeArguments(work.args, placeOf);
  } catch (error) {
    if (!HeddleError.is(error) || error.code !== 'VALUE_INVALID') throw error;
    const { code, message, details, hint, cause } = error;
    throw new HeddleError(code, `job '${state.id}': ${message}`, {
      details,
      cause,
      ...(hint === undefined ? {} : { hint }),
    });
  }
}

/** How the function is found; undefined: it is kept in memory. */
function referenceOf(state: JobState, work: CallWork, scope: EncodeScope): CallReference | undefined {
  if (work.reference !== undefined) return work.reference;
  if (!scope.durable || state.options.resumable === false) return undefined;
  try {
    return referenceTo(work.fn);
  } catch (error) {
    if (!HeddleError.is(error)) throw error;
    throw new HeddleError(error.code, `job '${state.id}' could not be resumed: ${error.message}`, {
      cause: error,
      details: error.details,
      hint: `${error.hint ?? 'export it from its module'}; or give the job { resumable: false }: it is failed (lost) after a crash`,
    });
  }
}

/** References written down last, each for its project: a function has one, however many jobs call it. */
const texts = new WeakMap<CallReference, { readonly project: string; readonly text: string }>();

function textOf(reference: CallReference, project: string): string {
  const known = texts.get(reference);
  if (known?.project === project) return known.text;
  const text = JSON.stringify(portableReference(reference, project));
  texts.set(reference, { project, text });
  return text;
}

function mannerOf({ redirect }: JobOptions<never>, work: CallWork, project: string): string {
  // An empty path: the files of its directory.
  const file = redirect === true ? '' : redirect === undefined ? undefined : resolve(project, redirect);
  if (file === undefined && !work.stream && !work.enterDirectory) return '';
  const manner: CallManner = {
    ...(work.stream ? { stream: true } : {}),
    ...(work.enterDirectory ? { enterDirectory: true } : {}),
    ...(file === undefined ? {} : { redirect: { stdout: file, stderr: file } }),
  };
  return `,${JSON.stringify(manner).slice(1, -1)}`;
}

/**
 * Takes out of a condition what edges say as well: that known jobs have ended, however they did. An edge costs a few
 * bytes and no look. Gives what is left.
 */
function splitOrder(condition: AnyCondition, scope: EncodeScope, upstream: UpstreamList): ConditionData | undefined {
  if (condition instanceof AllSatisfied) {
    const left = condition.conditions
      .map((part) => splitOrder(part, scope, upstream))
      .filter((part) => part !== undefined);
    return left.length <= 1 ? left[0] : { kind: 'all', conditions: left };
  }
  const ids = endsOf(condition)?.map((id) => scope.known(id));
  if (ids?.every((state) => state !== undefined) !== true) return condition.toData(scope);
  for (const state of ids) upstream.add(state, ACCEPT_ALL);
  return undefined;
}

/** Ids of the jobs that must all have ended in any way, where that is what a condition says. */
function endsOf(condition: AnyCondition): readonly string[] | undefined {
  const isAny = (statuses: readonly string[]): boolean => FINAL_STATUSES.every((status) => statuses.includes(status));
  if (condition instanceof AfterAnother && isAny(condition.statuses)) return [condition.jobId];
  if (condition instanceof AfterOthers && condition.mode === 'all' && isAny(condition.statuses))
    return condition.jobIds;
  return undefined;
}

/** Ids of the jobs without whose end a condition can't hold. */
export function hardNames(condition: ConditionData): readonly string[] {
  if (condition.kind === 'after') return condition.mode === 'all' || condition.jobs.length === 1 ? condition.jobs : [];
  return condition.kind === 'all' ? condition.conditions.flatMap(hardNames) : [];
}

/** Definitions made once for jobs that are treated alike. */
export class Definitions {
  readonly #plain = new Map<string, Definition>();
  readonly #byOptions = new WeakMap<object, Definition>();

  /** @throws {HeddleError} INPUT_INVALID, RESOURCES_IMPOSSIBLE */
  of(options: JobOptions<never>, work: JobWork): Definition {
    const { task, kind, backend } = work;
    if (!hasPolicies(options)) {
      const { resumable } = options;
      const key = `${backend} ${resumable === false} ${task}`;
      let plain = this.#plain.get(key);
      if (plain === undefined) {
        plain = jobDefinition(resumable === undefined ? {} : { resumable }, { task, kind, backend });
        this.#plain.set(key, plain);
      }
      return plain;
    }
    const known = this.#byOptions.get(options);
    if (known?.name === task && known.backend === backend) return known;
    const definition = jobDefinition(options, { task, kind, backend });
    this.#byOptions.set(options, definition);
    return definition;
  }
}
