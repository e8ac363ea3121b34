import { FINAL_STATUSES, type FinalStatus, HeddleError, nearestName } from '../model/index.ts';
import type { OutputType, Outputs } from './output.ts';
import {
  guardPrototype,
  isBodyInput,
  jsonPart,
  leafPart,
  type Part,
  type Placeholder,
  placeholderUsed,
  SOURCE,
  sourceOf,
  type Source,
} from './placeholder.ts';
import type { PolicyOptions } from './policy.ts';
import { addOrderEdge, type NodeRecord } from './recorder.ts';

/** The values of a command's outputs. */
export type OutputValues<O extends Outputs> = { readonly [Name in keyof O]: OutputType<O[Name]> };

/** What every handle can do. Each returns the handle, so that calls may follow one another. */
export interface HandleMembers {
  /** Names the job; else it is named by its task and a number. */
  named(name: string): this;
  /** Waits for the end of another job without needing its value. @default all three final statuses */
  after(upstream: AnyHandle | readonly AnyHandle[], statuses?: readonly FinalStatus[]): this;
  /** Runs this job on a backend of its own, or with other policies. */
  on(backend: string, overrides?: Omit<PolicyOptions, 'backend'>): this;
}

/** What a call of a task inside a workflow gives: it stands for the job to be, and for its outputs. */
export type Handle<O extends Outputs> = HandleMembers &
  Placeholder<OutputValues<O>> & { readonly [Name in keyof O]: Part<OutputType<O[Name]>> };

/** What calling a task that is a function gives: it stands for the job to be, and for what the function returns. */
export type CallHandle<R> = HandleMembers & Placeholder<R> & Omit<Part<R>, keyof HandleMembers>;

/** A handle of any task. */
export type AnyHandle = HandleMembers;

/** Gives a record the definition it has on another backend. */
export type Redefine = (record: NodeRecord, backend: string, overrides: Omit<PolicyOptions, 'backend'>) => void;

interface NodeSource extends Source {
  readonly origin: NodeRecord;
}

/** Of what is two nodes, a map and its gather: the one that starts, and has the name. */
function firstOf(record: NodeRecord): NodeRecord {
  return record.gathers ?? record;
}

/** The nodes whose end is meant when something is to run after a handle, or after the steps of a sequence. */
function awaitedBy(handle: unknown, record: NodeRecord): readonly NodeRecord[] {
  const steps = stepsOf(handle);
  if (steps !== undefined) return steps.exits;
  const source = sourceOf(handle);
  if (source !== undefined && !isBodyInput(source.origin)) return [source.origin];
  throw new HeddleError('INPUT_INVALID', `'${record.definition.name}' is to run after something that is no task`, {
    hint: 'give .after() what calling a task returned',
  });
}

class JobHandle implements HandleMembers {
  readonly [SOURCE]: NodeSource;
  readonly #redefine: Redefine;

  constructor(record: NodeRecord, redefine: Redefine) {
    this[SOURCE] = { origin: record, path: [] };
    this.#redefine = redefine;
  }

  named(name: string): this {
    firstOf(this[SOURCE].origin).name = name;
    return this;
  }

  after(upstream: AnyHandle | readonly AnyHandle[], statuses: readonly FinalStatus[] = FINAL_STATUSES): this {
    const all: readonly unknown[] = Array.isArray(upstream) ? upstream : [upstream];
    for (const handle of all) {
      const record = firstOf(this[SOURCE].origin);
      for (const from of awaitedBy(handle, record)) addOrderEdge(record, from, statuses);
    }
    return this;
  }

  on(backend: string, overrides: Omit<PolicyOptions, 'backend'> = {}): this {
    this.#redefine(this[SOURCE].origin, backend, overrides);
    return this;
  }

  static {
    guardPrototype(JobHandle.prototype);
    Object.setPrototypeOf(JobHandle.prototype, new Proxy(Object.prototype, { get: refuseUnknown }));
  }
}

/** What is asked of anything at all: whether it is a promise, and by printers and test runners what it is. */
const ASKED_OF_ALL: ReadonlySet<string> = new Set(['then', 'asymmetricMatch', 'nodeType', 'tagName', 'inspect']);

/** A name that is no output would be undefined in JavaScript, and stand for a value without a word. TypeScript knows it before. */
function refuseUnknown(target: object, key: string | symbol, handle: unknown): unknown {
  const isAsked = typeof key === 'symbol' || key in target || key.startsWith('$') || ASKED_OF_ALL.has(key);
  if (isAsked || !(handle instanceof JobHandle)) return Reflect.get(target, key, handle);
  const { name } = handle[SOURCE].origin.definition;
  const outputs = Object.getOwnPropertyNames(Object.getPrototypeOf(handle)).filter((each) => each !== 'constructor');
  const near = nearestName(key, outputs);
  throw new HeddleError('TEMPLATE_INVALID', `task '${name}' has no output '${key}'`, {
    hint:
      near === undefined
        ? `it has ${outputs.length === 0 ? 'none: declare it under outputs' : outputs.join(', ')}`
        : `did you mean '${near}'?`,
  });
}

/** Makes the handles of one definition: its outputs are getters on their prototype, so a handle itself is small. */
export function handleMaker<O extends Outputs>(outputs: O, redefine: Redefine): (record: NodeRecord) => Handle<O> {
  class TaskHandle extends JobHandle {}
  for (const [name, { type }] of Object.entries(outputs)) {
    Object.defineProperty(TaskHandle.prototype, name, {
      get(this: TaskHandle): Placeholder<unknown> {
        const source: Source = { origin: this[SOURCE].origin, path: [name] };
        return type === 'json' ? jsonPart(source) : leafPart(source);
      },
      set(this: TaskHandle) {
        throw placeholderUsed({ origin: this[SOURCE].origin, path: [name] }, 'is changed');
      },
    });
  }
  return (record) => new TaskHandle(record, redefine) as unknown as Handle<O>;
}

/** Makes the handle of a call: parts of its value can be taken, but for those named as what every handle can do. */
export function callHandle<R>(record: NodeRecord, redefine: Redefine): CallHandle<R> {
  const job = new JobHandle(record, redefine);
  const members = {
    named: (name: string) => (job.named(name), handle),
    after: (...which: Parameters<HandleMembers['after']>) => (job.after(...which), handle),
    on: (...where: Parameters<HandleMembers['on']>) => (job.on(...where), handle),
  };
  const handle = jsonPart<R>({ origin: record, path: [] }, members) as unknown as CallHandle<R>;
  return handle;
}

/** Under this key the steps of a sequence or of parallel ones keep what they are. */
export const STEPS: unique symbol = Symbol('heddle.steps');

/** Nodes that belong together, by where one comes in and where one goes out. Both are empty for none at all. */
export interface StepNodes {
  readonly entries: readonly NodeRecord[];
  readonly exits: readonly NodeRecord[];
  readonly all: ReadonlySet<NodeRecord>;
}

/** The nodes of steps; undefined for every other value. */
export function stepsOf(value: unknown): StepNodes | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, STEPS)) return undefined;
  return (value as { readonly [STEPS]: StepNodes })[STEPS];
}
