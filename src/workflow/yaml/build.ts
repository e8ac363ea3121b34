import type { DefinitionOptions, Json } from '../../model/index.ts';
import { branch, choose, when } from '../branch.ts';
import { loop } from '../loop.ts';
import { map } from '../map.ts';
import { type Placeholder, sourceOf } from '../placeholder.ts';
import { addOrderEdge, currentRecorder, type NodeRecord } from '../recorder.ts';
import type { TestInput } from '../tests.ts';
import { CommandMaker } from './build-command.ts';
import { EachValue, type Evaluator, MappedValue, NotDone, plain, projected, Scope } from './evaluate.ts';
import { type Expression, referencesOf } from './expression.ts';
import type { Resolution } from './names.ts';
import { policiesOf, recordCall } from './build-call.ts';
import { capRecords } from './cap-records.ts';
import { closeGates, conditionOf, type Gate } from './gates.ts';
import type { YamlSource } from './source.ts';
import type { Target } from './targets.ts';
import type { Awaited, TaskSpec, Work } from './task-spec.ts';

/** What a document's tasks are built with. */
export interface BuildParts {
  readonly source: YamlSource;
  readonly evaluator: Evaluator;
  readonly resolution: Resolution;
  readonly targets: ReadonlyMap<string, Target>;
  /** Parameters the run was given: they override inputs of tasks. */
  readonly given: Readonly<Record<string, Json>>;
}

/** What was made of a task. */
interface Built {
  readonly value: unknown;
  /** Its nodes in the graph, or in the body around. */
  readonly records: readonly NodeRecord[];
}

interface Where {
  readonly scope: Scope;
  /** A group at the top of a body has no name of its own: its tasks stand in the body. */
  readonly isBody?: boolean;
}

/** Names of tasks in a scope stand beside parameters; what was made of them is kept apart, for `after`. */
const builtUnder = (name: string): string => `after ${name}`;

/** Makes the tasks of a document calls of the typed builder, so that the graph is the one TypeScript gives. */
export class Builder {
  readonly #parts: BuildParts;
  readonly #commands: CommandMaker;
  readonly #gates: Gate[] = [];

  constructor(parts: BuildParts) {
    this.#parts = parts;
    this.#commands = new CommandMaker(parts.evaluator);
  }

  /** All tasks are built: conditions learn what the jobs they name are called. */
  close(): void {
    closeGates(currentRecorder('condition'), this.#gates);
  }

  /** Builds tasks side by side, each after those it needs; gives the scope in which their names are known. */
  tasks(tasks: readonly TaskSpec[], outer: Scope): Scope {
    const scope = new Scope([], outer);
    for (const spec of this.#parts.resolution.orders.get(tasks) ?? tasks) {
      const built = this.#taskIfDone(spec, scope);
      scope.set(spec.key, built instanceof NotDone ? built : built.value);
      scope.set(builtUnder(spec.key), built instanceof NotDone ? [] : built.records);
    }
    return scope;
  }

  #taskIfDone(spec: TaskSpec, scope: Scope): Built | NotDone {
    try {
      return this.#task(spec, { scope });
    } catch (thrown) {
      if (thrown instanceof NotDone) return thrown;
      throw this.#parts.source.placed(spec.path, thrown);
    }
  }

  #task(spec: TaskSpec, where: Where): Built {
    const recorder = currentRecorder(spec.key);
    const first = recorder.size;
    const value = this.#way(spec, where);
    const records = recorder.since(first);
    for (const awaited of spec.after) this.#await(awaited, records, where.scope);
    return { value, records };
  }

  #way(spec: TaskSpec, where: Where): unknown {
    const { way } = spec;
    switch (way.kind) {
      case 'once':
        return this.#named(spec, where.scope, () => this.#work(spec, where));
      case 'each':
        return this.#each(spec, way, where.scope);
      case 'when': {
        const { scope } = where;
        const test = this.#parts.evaluator.test(way.test, scope);
        if (test === true) return this.#named(spec, scope, () => this.#work(spec, where));
        const { otherwise } = way;
        if (test === false) {
          if (otherwise === undefined) throw new NotDone(spec.key);
          return this.#task(otherwise, where).value;
        }
        const then = (): unknown => this.#bodyOf(spec, scope);
        const handle = (): unknown =>
          otherwise === undefined ? when(test, then) : when(test, then, () => this.#caseOf(otherwise, scope));
        return this.#named(spec, scope, handle);
      }
      case 'loop':
        return this.#named(spec, where.scope, () => this.#loop(spec, way, where.scope));
    }
  }

  /** Names the one job, or control node, that is made. */
  #named<Value>(spec: TaskSpec, scope: Scope, make: () => Value): Value {
    const recorder = currentRecorder(spec.key);
    const first = recorder.size;
    const value = make();
    const [record] = recorder.since(first);
    if (spec.name !== undefined && record !== undefined) record.name = this.#parts.evaluator.text(spec.name, scope);
    return value;
  }

  #each(spec: TaskSpec, way: Extract<TaskSpec['way'], { kind: 'each' }>, scope: Scope): unknown {
    const { evaluator, source } = this.#parts;
    const over = evaluator.value(way.over, scope);
    const cap =
      way.maxConcurrency === undefined
        ? undefined
        : (evaluator.known(way.maxConcurrency, scope, [...spec.path, 'maxConcurrency']) as number);
    if (Array.isArray(over) && !way.isSettled) return this.#eachKnown(spec, { over, cap, scope });
    if (!Array.isArray(over) && sourceOf(over) === undefined)
      throw source.error([
        {
          path: [...spec.path, 'each'],
          what: `is no list: ${JSON.stringify(over)}`,
          hint: 'give [a, b, c], or a value that will be a list',
        },
      ]);
    const asked = way.isSettled ? [] : this.#askedOf(spec);
    const body = (item: unknown, index: unknown): unknown =>
      projected(
        this.#bodyOf(
          spec,
          scope.with([
            ['item', item],
            ['index', index],
          ]),
        ),
        asked,
      );
    const options = {
      ...(cap === undefined ? {} : { maxConcurrency: cap }),
      ...(way.isSettled ? { settled: true as const } : {}),
    };
    return new MappedValue(
      this.#named(spec, scope, () => map(over as Placeholder<readonly unknown[]>, body, options as object)),
    );
  }

  #eachKnown(
    spec: TaskSpec,
    {
      over,
      cap,
      scope,
    }: { readonly over: readonly unknown[]; readonly cap: number | undefined; readonly scope: Scope },
  ): EachValue {
    const recorder = currentRecorder(spec.key);
    const first = recorder.size;
    const elements = over.map((item, index) => {
      const own = scope.with([
        ['item', item],
        ['index', index],
      ]);
      return this.#named(spec, own, () => this.#work(spec, { scope: own }));
    });
    if (cap !== undefined) capRecords(recorder.since(first), { name: spec.path.join('.'), limit: cap });
    return new EachValue(elements);
  }

  /** The way into each element's value that all references to a map have in common. */
  #askedOf(spec: TaskSpec): readonly (string | number)[] {
    const { resolution, evaluator } = this.#parts;
    const asked = (resolution.references.get(spec) ?? []).map((reference) => {
      const { path } = reference;
      return { reference, steps: typeof path[0] === 'number' ? path.slice(1) : path };
    });
    const [first] = asked;
    const other = asked.find(({ steps }) => steps.join('.') !== first?.steps.join('.'));
    if (first === undefined || other === undefined) return first?.steps ?? [];
    throw evaluator.refused(other.reference, {
      what: `${other.reference.at.text} and ${first.reference.at.text} ask for different parts of a map`,
      hint: `of a list that is known only in the run, '${spec.key}' gives one part: let a function take it apart, or take \${${spec.key}} whole`,
    });
  }

  #loop(spec: TaskSpec, way: Extract<TaskSpec['way'], { kind: 'loop' }>, scope: Scope): unknown {
    const { evaluator, source } = this.#parts;
    const inTurn = (state: unknown, iteration: unknown): Scope =>
      scope.with([
        ['state', state],
        ['iteration', iteration],
      ]);
    return loop<unknown>({
      initial: evaluator.value(way.from, scope),
      body: (state, iteration) => this.#bodyOf(spec, inTurn(state, iteration)),
      until: (state, iteration) => {
        const test = evaluator.test(way.until, inTurn(state, iteration));
        if (typeof test !== 'boolean') return test;
        throw source.error([
          {
            path: [...spec.path, 'loop', 'until'],
            what: 'asks nothing of ${state}',
            hint: "until: { left: ${state.error}, compare: '<', right: 0.1 }",
          },
        ]);
      },
      maxIterations: evaluator.known(way.maxIterations, scope, [...spec.path, 'loop', 'maxIterations']) as number,
      ...(way.atMost === 'accept' ? { atMost: 'accept' } : {}),
    });
  }

  /** The work of a task, inside of a body that its way has opened. */
  #bodyOf(spec: TaskSpec, scope: Scope): unknown {
    return this.#parts.source.within(spec.path, () => plain(this.#work(spec, { scope, isBody: true })));
  }

  /** A task that is the whole of a branch. */
  #caseOf(spec: TaskSpec, scope: Scope): unknown {
    return this.#parts.source.within(spec.path, () => plain(this.#task(spec, { scope, isBody: true }).value));
  }

  #work(spec: TaskSpec, { scope, isBody = false }: Where): unknown {
    const inner = scope.with(this.#inputs(spec, scope));
    const { work } = spec;
    switch (work.kind) {
      case 'command':
        return this.#treated({ policies: work.policies, scope: inner }, spec, (policies) =>
          this.#commands.call({ spec, work, policies }, inner),
        );
      case 'call':
        return this.#call(spec, work, inner);
      case 'group': {
        const build = (): unknown => {
          const names = this.tasks(work.tasks, inner);
          return work.result === undefined ? undefined : this.#parts.evaluator.value(work.result, names);
        };
        return isBody ? build() : currentRecorder(spec.key).within(spec.key, build);
      }
      case 'branch':
        return this.#branch(spec, work, inner);
      case 'choose':
        return this.#choose(spec, work, inner);
    }
  }

  /** The task's own inputs; a parameter that the run is given comes first. */
  #inputs({ inputs, path, key }: TaskSpec, scope: Scope): readonly (readonly [string, unknown])[] {
    const { given, evaluator, source } = this.#parts;
    return Array.from(inputs, ([name, expression]) => {
      if (!Object.hasOwn(given, name)) return [name, evaluator.value(expression, scope)] as const;
      const own = referencesOf(expression).find((reference) => !this.#isParameter(reference.name));
      if (own === undefined) return [name, given[name]] as const;
      throw source.error([
        {
          path: [...path, 'with', name],
          code: 'PARAMETER_INVALID',
          what: `parameter '${name}' would take the place of ${own.at.text} in '${key}'`,
          hint: 'give the input or the parameter another name',
          isKey: true,
        },
      ]);
    });
  }

  #isParameter(name: string): boolean {
    return this.#parts.resolution.usedParameters.has(name);
  }

  /** Records with a task's policies. A condition that names others waits until all jobs have their names. */
  #treated<Value>(
    { policies, scope }: { readonly policies: Expression; readonly scope: Scope },
    spec: TaskSpec,
    record: (policies: DefinitionOptions) => Value,
  ): Value {
    const { evaluator, source } = this.#parts;
    const { condition, ...given } = evaluator.known(policies, scope, spec.path) as { readonly [key: string]: Json };
    const plain = policiesOf(given);
    if (condition === undefined) return record(plain);
    const [named] = spec.gatedBy;
    if (named === undefined) return record({ ...plain, condition: conditionOf(condition, () => []) });
    const recorder = currentRecorder(spec.key);
    if (recorder.inside !== undefined)
      throw source.error([
        {
          path: named.path,
          what: `names '${named.name}' inside of what is there only in the run`,
          hint: `there a task waits for others by after: ${named.name}`,
        },
      ]);
    const first = recorder.size;
    const value = record(plain);
    const upstream = new Map(spec.gatedBy.map(({ name }) => [name, exitsOf(scope, name)]));
    this.#gates.push({ records: recorder.since(first), condition, upstream });
    return value;
  }

  #call(spec: TaskSpec, work: Extract<Work, { kind: 'call' }>, scope: Scope): unknown {
    const { evaluator, targets } = this.#parts;
    const inputs = Object.fromEntries(Array.from(spec.inputs.keys(), (name) => [name, scope.get(name)]));
    const args =
      work.args === undefined
        ? spec.inputs.size === 0
          ? []
          : [inputs]
        : work.args.map((arg) => evaluator.value(arg, scope));
    const target = targets.get(work.target) as Target;
    return this.#treated({ policies: work.policies, scope }, spec, (policies) =>
      recordCall(spec.key, { target, args, policies }),
    );
  }

  #branch(spec: TaskSpec, { on, cases, otherwise }: Extract<Work, { kind: 'branch' }>, scope: Scope): unknown {
    const { evaluator, source } = this.#parts;
    const label = evaluator.value(on, scope);
    if (sourceOf(label) !== undefined) {
      const branches = Object.fromEntries(cases.map((each) => [each.key, () => this.#caseOf(each, scope)]));
      const options = otherwise === undefined ? {} : { otherwise: () => this.#caseOf(otherwise, scope) };
      return this.#named(spec, scope, () => branch(label as Placeholder<string>, branches as never, options as never));
    }
    if (label === null) throw new NotDone(spec.key);
    const text = typeof label === 'string' ? label : JSON.stringify(label);
    const chosen = cases.find(({ key }) => key === text) ?? otherwise;
    if (chosen !== undefined) return this.#task(chosen, { scope }).value;
    throw source.error([
      {
        path: [...spec.path, 'branch'],
        what: `is '${text}', and there is no such branch`,
        hint: `there is ${cases.map(({ key }) => key).join(', ')}; otherwise is for all else`,
      },
    ]);
  }

  #choose(spec: TaskSpec, { cases, otherwise }: Extract<Work, { kind: 'choose' }>, scope: Scope): unknown {
    const open: (readonly [label: string, TestInput, TaskSpec])[] = [];
    let last = otherwise;
    for (const each of cases) {
      if (each.way.kind !== 'when') continue;
      const test = this.#parts.evaluator.test(each.way.test, scope);
      const chosen: TaskSpec = { ...each, way: { kind: 'once' } };
      if (test === true) {
        last = chosen;
        break;
      }
      if (test !== false) open.push([each.key, test, chosen]);
    }
    if (open.length === 0) {
      if (last === undefined) throw new NotDone(spec.key);
      return this.#task(last, { scope }).value;
    }
    const branches = Object.fromEntries(
      open.map(([label, test, chosen]) => [label, [test, () => this.#caseOf(chosen, scope)] as const]),
    );
    const rest = last;
    const options = rest === undefined ? {} : { otherwise: () => this.#caseOf(rest, scope) };
    return this.#named(spec, scope, () => choose(branches, options as never));
  }

  #await({ name, statuses }: Awaited, records: readonly NodeRecord[], scope: Scope): void {
    const exits = exitsOf(scope, name);
    for (const record of records) {
      if (record.gathers !== undefined) continue;
      for (const exit of exits) addOrderEdge(record, exit, statuses ?? ['done', 'failed', 'cancelled']);
    }
  }
}

/** What of a task's jobs ends last: of a control node, the one that gathers what it became. */
function exitsOf(scope: Scope, task: string): readonly NodeRecord[] {
  const records = (scope.get(builtUnder(task)) ?? []) as readonly NodeRecord[];
  return records.filter(({ definition, gathers }) => definition.kind !== 'control' || gathers !== undefined);
}
