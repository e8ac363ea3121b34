import { checkScript, HeddleError, nearestName, type TemplatePart } from '../../model/index.ts';
import type { DataPath } from '../experiments/index.ts';
import {
  type Expression,
  type PlacedReference,
  referencesIn,
  referencesOf,
  referencesOfTest,
  type TextPart,
} from './expression.ts';
import type { Problem } from './source.ts';
import type { TaskSpec, Work } from './task-spec.ts';

/** What the names of a document turn out to mean. */
export interface Resolution {
  /** Tasks of the document or of a group, each after those it needs. */
  readonly orders: ReadonlyMap<readonly TaskSpec[], readonly TaskSpec[]>;
  /** Who refers to a task, and how. */
  readonly references: ReadonlyMap<TaskSpec, readonly PlacedReference[]>;
  /** Parameters that somebody refers to. */
  readonly usedParameters: ReadonlySet<string>;
  /** Inputs that a parameter of their name may override. */
  readonly inputs: ReadonlySet<string>;
  readonly problems: readonly Problem[];
}

type Meaning = { readonly kind: 'parameter' | 'input' | 'given' } | { readonly kind: 'task'; readonly spec: TaskSpec };

/** Names that mean something in every text. */
export const RESERVED_NAMES: readonly string[] = ['project', 'item', 'index', 'state', 'iteration'];

/** Names, from the inside out. */
class Names {
  readonly #outer: Names | undefined;
  readonly #own: ReadonlyMap<string, Meaning>;

  constructor(own: ReadonlyMap<string, Meaning>, outer?: Names) {
    this.#own = own;
    this.#outer = outer;
  }

  find(name: string): Meaning | undefined {
    return this.#own.get(name) ?? this.#outer?.find(name);
  }

  all(): readonly string[] {
    return [...this.#own.keys(), ...(this.#outer?.all() ?? [])];
  }

  with(names: Iterable<string>, kind: 'input' | 'given'): Names {
    return new Names(new Map(Array.from(names, (name): [string, Meaning] => [name, { kind }])), this);
  }
}

/** What a document is made of, as far as names go. */
export interface NamedParts {
  readonly parameters: Iterable<string>;
  readonly tasks: readonly TaskSpec[];
  readonly result: Expression | undefined;
}

/** Looks up every name of a document. */
export function resolveNames({ parameters, tasks, result }: NamedParts): Resolution {
  const resolver = new Resolver();
  const outermost = new Names(
    new Map(Array.from(parameters, (name): [string, Meaning] => [name, { kind: 'parameter' }])),
  );
  for (const name of parameters) resolver.refuseReserved(name, ['parameters', name], 'parameter');
  const names = resolver.tasks(tasks, { names: outermost, uses: new Set() });
  if (result !== undefined) resolver.expression(result, { names, uses: new Set() });
  return resolver;
}

interface Place {
  readonly names: Names;
  /** Tasks that are referred to here or further in. */
  readonly uses: Set<TaskSpec>;
}

class Resolver implements Resolution {
  readonly orders: Map<readonly TaskSpec[], readonly TaskSpec[]> = new Map();
  readonly references: Map<TaskSpec, PlacedReference[]> = new Map();
  readonly usedParameters: Set<string> = new Set();
  readonly inputs: Set<string> = new Set();
  readonly problems: Problem[] = [];

  refuseReserved(name: string, path: DataPath, what: string): void {
    if (RESERVED_NAMES.includes(name))
      this.problems.push({
        path,
        what: `means something of its own, and can't be the name of ${what === 'input' ? 'an' : 'a'} ${what}`,
        hint: 'choose another',
        isKey: true,
      });
  }

  /** Tasks side by side: each knows all others; gives the names as they are beside them. */
  tasks(tasks: readonly TaskSpec[], { names, uses }: Place): Names {
    for (const { key, path } of tasks) {
      this.refuseReserved(key, path, 'task');
      const other = names.find(key);
      if (other !== undefined && other.kind !== 'input')
        this.problems.push({
          path,
          what: `is a ${other.kind === 'given' ? 'name' : other.kind} already`,
          hint: 'choose another name',
          isKey: true,
        });
    }
    const inner = new Names(new Map(tasks.map((spec): [string, Meaning] => [spec.key, { kind: 'task', spec }])), names);
    const needs = new Map<TaskSpec, ReadonlySet<TaskSpec>>();
    for (const spec of tasks) {
      const own = new Set<TaskSpec>();
      this.#task(spec, { names: inner, uses: own });
      needs.set(spec, own);
      for (const each of own) uses.add(each);
    }
    this.orders.set(tasks, this.#ordered(tasks, needs));
    return inner;
  }

  expression(expression: Expression, place: Place): void {
    for (const reference of referencesOf(expression)) this.#reference(reference, place);
  }

  #texts(parts: readonly TextPart[] | undefined, place: Place): void {
    for (const reference of referencesIn(parts ?? [])) this.#reference(reference, place);
  }

  #reference(reference: PlacedReference, { names, uses }: Place): void {
    const { name, place, at, path } = reference;
    const meaning = names.find(name);
    if (meaning === undefined) {
      this.problems.push({ path: place, at, code: 'TEMPLATE_INVALID', ...unknownName(reference, names.all()) });
      return;
    }
    if (meaning.kind === 'parameter') this.usedParameters.add(name);
    if (meaning.kind !== 'task') return;
    uses.add(meaning.spec);
    const others = this.references.get(meaning.spec);
    if (others === undefined) this.references.set(meaning.spec, [reference]);
    else others.push(reference);
    const wrong = outputProblem(meaning.spec, path);
    if (wrong !== undefined) this.problems.push({ path: place, at, code: 'TEMPLATE_INVALID', ...wrong });
  }

  /** An input is a whole output: a part of a JSON value is no file. */
  #refuseParts(from: Expression, { names }: Place): void {
    for (const { name, place, at, path } of referencesOf(from)) {
      const meaning = names.find(name);
      if (meaning?.kind !== 'task' || meaning.spec.way.kind !== 'once' || meaning.spec.work.kind !== 'command')
        continue;
      const [output, part] = path;
      const type = meaning.spec.work.outputs.find((each) => each.name === output)?.type;
      if (type !== 'json' || part === undefined) continue;
      this.problems.push({
        path: place,
        at,
        code: 'TEMPLATE_INVALID',
        what: `'${part}' is a part of '${output as string}' of '${name}', which is no file`,
        hint: `take all of it, \${${name}.${output as string}}, or put the value into run`,
      });
    }
  }

  #task(spec: TaskSpec, place: Place): void {
    const { inputs, after, gatedBy, way, work } = spec;
    for (const { name, path } of [...after, ...gatedBy]) {
      const meaning = place.names.find(name);
      if (meaning?.kind === 'task') place.uses.add(meaning.spec);
      else this.problems.push({ path, ...unknownTask(name, place.names) });
    }
    let own = place;
    switch (way.kind) {
      case 'once':
        break;
      case 'each':
        this.expression(way.over, place);
        if (way.maxConcurrency !== undefined) this.expression(way.maxConcurrency, place);
        own = { ...place, names: place.names.with(['item', 'index'], 'given') };
        break;
      case 'when':
        for (const reference of referencesOfTest(way.test)) this.#reference(reference, place);
        if (way.otherwise !== undefined) this.#task(way.otherwise, place);
        break;
      case 'loop':
        this.expression(way.from, place);
        this.expression(way.maxIterations, place);
        own = { ...place, names: place.names.with(['state', 'iteration'], 'given') };
        for (const reference of referencesOfTest(way.until)) this.#reference(reference, own);
    }
    this.#texts(spec.name, own);
    const used = new Set<string>();
    for (const [input, value] of inputs) {
      // Others may be taken: what a function wants as its `state` is an input of that name.
      if (input === 'project') this.refuseReserved(input, [...spec.path, 'with', input], 'input');
      this.inputs.add(input);
      this.expression(value, own);
    }
    const inner = { ...own, names: own.names.with(inputs.keys(), 'input') };
    this.#work(work, inner);
    for (const reference of workReferences(work)) used.add(reference.name);
    this.#refuseIdleInputs(spec, { used, names: own.names });
  }

  /** An input that takes a value of a task must be used: else there is no edge where one was meant. */
  #refuseIdleInputs(
    { inputs, path, work }: TaskSpec,
    { used, names }: { readonly used: ReadonlySet<string>; readonly names: Names },
  ): void {
    if (work.kind === 'call' && work.args === undefined) return;
    if (work.kind === 'group' || work.kind === 'branch' || work.kind === 'choose') return;
    for (const [input, value] of inputs) {
      const taken = referencesOf(value).find(({ name }) => names.find(name)?.kind === 'task');
      if (taken === undefined || used.has(input)) continue;
      this.problems.push({
        path: [...path, 'with', input],
        what: `takes ${taken.at.text} and is used nowhere`,
        hint: `use \${${input}}, or write after: ${taken.name} to wait only`,
        isKey: true,
      });
    }
  }

  #work(work: Work, place: Place): void {
    switch (work.kind) {
      case 'command':
        if (work.isShell) {
          this.#texts(work.run as readonly TextPart[], { ...place, names: place.names.with(['project'], 'given') });
          this.#refuseMisplaced(work.run as readonly TextPart[]);
        } else for (const argument of work.run as readonly Expression[]) this.expression(argument, place);
        for (const { publish } of work.outputs) this.#texts(publish, place);
        for (const [, from] of work.inputFiles) {
          this.expression(from, place);
          this.#refuseParts(from, place);
        }
        this.expression(work.policies, place);
        return;
      case 'call':
        for (const argument of work.args ?? []) this.expression(argument, place);
        this.expression(work.policies, place);
        return;
      case 'group': {
        const names = this.tasks(work.tasks, place);
        if (work.result !== undefined) this.expression(work.result, { ...place, names });
        return;
      }
      case 'branch':
        this.expression(work.on, place);
        this.#cases(work.cases, work.otherwise, place);
        return;
      case 'choose':
        this.#cases(work.cases, work.otherwise, place);
    }
  }

  #cases(cases: readonly TaskSpec[], otherwise: TaskSpec | undefined, place: Place): void {
    for (const each of cases) this.#task(each, place);
    if (otherwise !== undefined) this.#task(otherwise, place);
  }

  /** A value inside quotes, a comment or a here-document. */
  #refuseMisplaced(parts: readonly TextPart[]): void {
    const before: TemplatePart[] = [];
    for (const part of parts) {
      // The project's directory brings its own quotes: inside of others they would end those.
      before.push(typeof part === 'string' ? part : part.isRaw ? { raw: '' } : { value: '' });
      if (typeof part === 'string') continue;
      try {
        checkScript(before);
      } catch (error) {
        if (!HeddleError.is(error)) throw error;
        const what = error.message
          .replace('a value stands', `${part.at.text} stands`)
          .replace(' in TypeScript', ' in a task');
        const hint = `a value must stand where a word of the command can; the shell's own is written $${part.at.text}`;
        this.problems.push({ path: part.place, at: part.at, code: 'TEMPLATE_INVALID', what, hint });
        return;
      }
    }
  }

  /** Each after those it needs, and else as they stand. */
  #ordered(tasks: readonly TaskSpec[], needs: ReadonlyMap<TaskSpec, ReadonlySet<TaskSpec>>): readonly TaskSpec[] {
    const ordered = new Set<TaskSpec>();
    const around: TaskSpec[] = [];
    const visit = (spec: TaskSpec): void => {
      if (ordered.has(spec)) return;
      const from = around.indexOf(spec);
      if (from >= 0) {
        const circle = [...around.slice(from), spec].map(({ key }) => `'${key}'`).join(' needs ');
        this.problems.push({ path: spec.path, code: 'GRAPH_CYCLE', what: `waits for itself: ${circle}`, isKey: true });
        return;
      }
      around.push(spec);
      for (const other of needs.get(spec) ?? []) if (needs.has(other)) visit(other);
      around.pop();
      ordered.add(spec);
    };
    for (const spec of tasks) visit(spec);
    return [...ordered];
  }
}

function workReferences(work: Work): readonly PlacedReference[] {
  switch (work.kind) {
    case 'command': {
      const run = work.isShell
        ? referencesIn(work.run as readonly TextPart[])
        : (work.run as readonly Expression[]).flatMap(referencesOf);
      const publish = work.outputs.flatMap((output) => referencesIn(output.publish ?? []));
      return [
        ...run,
        ...publish,
        ...work.inputFiles.flatMap(([, from]) => referencesOf(from)),
        ...referencesOf(work.policies),
      ];
    }
    case 'call':
      return [...(work.args ?? []).flatMap(referencesOf), ...referencesOf(work.policies)];
    case 'group':
    case 'branch':
    case 'choose':
      return [];
  }
}

function unknownName({ name, at }: PlacedReference, known: readonly string[]): Pick<Problem, 'what' | 'hint'> {
  const near = nearestName(name, known);
  const here = known.length === 0 ? 'there are no names here' : `there is ${[...new Set(known)].join(', ')}`;
  const own = `the shell's own is written $${at.text}`;
  const isMissed = name === 'project' || RESERVED_NAMES.includes(name);
  const where = { project: 'in the text of run', item: 'beside each', index: 'beside each' }[name] ?? 'beside loop';
  return {
    what: isMissed
      ? `${at.text} means something ${where} only`
      : `${at.text} is neither an input, nor a parameter, nor a task`,
    hint: near === undefined ? `${here}; ${own}` : `did you mean '${near}'? (${own})`,
  };
}

function unknownTask(name: string, names: Names): Pick<Problem, 'what' | 'hint'> {
  const tasks = names.all().filter((each) => names.find(each)?.kind === 'task');
  const near = nearestName(name, tasks);
  return {
    what: `'${name}' is no task here`,
    hint: near === undefined ? `there is ${tasks.join(', ')}` : `did you mean '${near}'?`,
  };
}

/** What a command does not give, it is not asked for. */
function outputProblem(
  { work, key, way }: TaskSpec,
  path: readonly (string | number)[],
): Pick<Problem, 'what' | 'hint'> | undefined {
  if (work.kind !== 'command' || way.kind === 'loop') return undefined;
  const steps = way.kind === 'each' && typeof path[0] === 'number' ? path.slice(1) : path;
  if (way.kind === 'each' && way.isSettled) return undefined;
  const [output, part] = steps;
  const type = work.outputs.find(({ name }) => name === output)?.type;
  if (part !== undefined && (type === 'file' || type === 'text')) {
    return {
      what: `'${output}' of '${key}' is ${type === 'file' ? 'a file' : 'text'}, and has no part '${part}'`,
      hint: 'declare it with json: to take parts of it',
    };
  }
  const names = work.outputs.map(({ name }) => name);
  if (output === undefined || names.includes(String(output))) return undefined;
  if (way.kind === 'when' && way.otherwise !== undefined) return undefined;
  const near = nearestName(String(output), names);
  return {
    what: `'${key}' has no output '${output}'`,
    hint:
      near === undefined
        ? names.length === 0
          ? 'it has none'
          : `it has ${names.join(', ')}`
        : `did you mean '${near}'?`,
  };
}
