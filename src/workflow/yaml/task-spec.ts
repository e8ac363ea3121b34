import type { FinalStatus } from '../../model/index.ts';
import type { DataPath } from '../experiments/index.ts';
import type { Expression, ExpressionReader, TestExpression, TextPart } from './expression.ts';
import { awaitedBy } from './gates.ts';
import { POLICY_KEYS } from './schema.ts';
import { isMembers, type Members, workKindOf } from './validate.ts';

/** A task as a document says it, its texts read. */
export interface TaskSpec {
  /** Under which the document has it: the task's name, or the label of a branch. */
  readonly key: string;
  readonly path: DataPath;
  /** Of its job. */
  readonly name: readonly TextPart[] | undefined;
  readonly inputs: ReadonlyMap<string, Expression>;
  readonly after: readonly Awaited[];
  /** Tasks that its condition names. */
  readonly gatedBy: readonly Awaited[];
  readonly way: Way;
  readonly work: Work;
}

/** A task whose end is awaited. */
export interface Awaited {
  readonly name: string;
  readonly statuses: readonly FinalStatus[] | undefined;
  readonly path: DataPath;
}

/** How often, and whether at all, a task is done. */
export type Way =
  | { readonly kind: 'once' }
  | {
      readonly kind: 'each';
      readonly over: Expression;
      readonly maxConcurrency: Expression | undefined;
      readonly isSettled: boolean;
    }
  | { readonly kind: 'when'; readonly test: TestExpression; readonly otherwise: TaskSpec | undefined }
  | {
      readonly kind: 'loop';
      readonly from: Expression;
      readonly until: TestExpression;
      readonly maxIterations: Expression;
      readonly atMost: 'fail' | 'accept';
    };

export interface OutputSpecs {
  readonly name: string;
  readonly type: 'json' | 'text' | 'file';
  readonly file: string;
  readonly publish: readonly TextPart[] | undefined;
  readonly isTemporary: boolean;
}

/** What a task does. */
export type Work =
  | {
      readonly kind: 'command';
      /** A shell's text, or a program and its arguments. */
      readonly run: readonly TextPart[] | readonly Argument[];
      readonly isShell: boolean;
      readonly outputs: readonly OutputSpecs[];
      readonly inputFiles: readonly (readonly [name: string, Expression])[];
      readonly policies: Expression;
    }
  | {
      readonly kind: 'call';
      /** `./analysis.ts#fit`. */
      readonly target: string;
      readonly args: readonly Expression[] | undefined;
      readonly policies: Expression;
    }
  | { readonly kind: 'group'; readonly tasks: readonly TaskSpec[]; readonly result: Expression | undefined }
  | {
      readonly kind: 'branch';
      readonly on: Expression;
      readonly cases: readonly TaskSpec[];
      readonly otherwise: TaskSpec | undefined;
    }
  | { readonly kind: 'choose'; readonly cases: readonly TaskSpec[]; readonly otherwise: TaskSpec | undefined };

/** An argument of a program: a value, or text around values. */
export type Argument = Expression;

/** Reads the tasks of a document whose form is right; what can't be read of their texts is gathered by the reader. */
export function readTasks(tasks: unknown, path: DataPath, reader: ExpressionReader): readonly TaskSpec[] {
  return Object.entries((tasks ?? {}) as Members).map(([key, task]) =>
    readTask(task as Members, { key, path: [...path, key], reader }),
  );
}

interface TaskPlace {
  readonly key: string;
  readonly path: DataPath;
  readonly reader: ExpressionReader;
}

function readTask(task: Members, place: TaskPlace): TaskSpec {
  const { key, path, reader } = place;
  const { name } = task;
  const inputs = Object.entries((task['with'] ?? {}) as Members).map(
    ([input, value]) => [input, reader.expression(value, [...path, 'with', input])] as const,
  );
  return {
    key,
    path,
    name: typeof name === 'string' ? reader.template(name, [...path, 'name']) : undefined,
    inputs: new Map(inputs),
    after: readAfter(task['after'], [...path, 'after']),
    gatedBy: awaitedBy(task['condition'], [...path, 'condition']),
    way: readWay(task, place),
    work: readWork(task, place),
  };
}

function readAfter(after: unknown, path: DataPath): readonly Awaited[] {
  if (typeof after === 'string') return [{ name: after, statuses: undefined, path }];
  if (Array.isArray(after))
    return after.map((name: string, i): Awaited => ({ name, statuses: undefined, path: [...path, i] }));
  return Object.entries((after ?? {}) as Members).map(([name, statuses]): Awaited => {
    const all = (Array.isArray(statuses) ? statuses : [statuses]) as readonly FinalStatus[];
    return { name, statuses: all, path: [...path, name] };
  });
}

function readWay(task: Members, { key, path, reader }: TaskPlace): Way {
  const { each, when, loop, maxConcurrency, otherwise } = task;
  if (each !== undefined)
    return {
      kind: 'each',
      over: reader.expression(each, [...path, 'each']),
      maxConcurrency:
        maxConcurrency === undefined ? undefined : reader.expression(maxConcurrency, [...path, 'maxConcurrency']),
      isSettled: task['settled'] === true,
    };
  if (when !== undefined)
    return {
      kind: 'when',
      test: reader.test(when, [...path, 'when']),
      otherwise: readOtherwise(otherwise, { key, path, reader }),
    };
  if (!isMembers(loop)) return { kind: 'once' };
  const at = [...path, 'loop'];
  return {
    kind: 'loop',
    from: reader.expression(loop['from'], [...at, 'from']),
    until: reader.test(loop['until'], [...at, 'until']),
    maxIterations: reader.expression(loop['maxIterations'], [...at, 'maxIterations']),
    atMost: loop['atMost'] === 'accept' ? 'accept' : 'fail',
  };
}

function readOtherwise(otherwise: unknown, { path, reader }: TaskPlace): TaskSpec | undefined {
  if (!isMembers(otherwise)) return undefined;
  return readTask(otherwise, { key: 'otherwise', path: [...path, 'otherwise'], reader });
}

function readWork(task: Members, place: TaskPlace): Work {
  const { path, reader } = place;
  const policies = (): Expression => {
    const given = POLICY_KEYS.filter((key) => task[key] !== undefined);
    return { kind: 'map', members: given.map((key) => [key, reader.expression(task[key], [...path, key])] as const) };
  };
  switch (workKindOf(task)) {
    case 'run':
      return { kind: 'command', ...readRun(task['run'], place), ...readFiles(task, place), policies: policies() };
    case 'call': {
      const { args } = task;
      const expressions = Array.isArray(args)
        ? args.map((arg, i) => reader.expression(arg, [...path, 'args', i]))
        : undefined;
      return { kind: 'call', target: task['call'] as string, args: expressions, policies: policies() };
    }
    case 'branch':
      return {
        kind: 'branch',
        on: reader.expression(task['branch'], [...path, 'branch']),
        cases: readTasks(task['cases'], [...path, 'cases'], reader),
        otherwise: readOtherwise(task['otherwise'], place),
      };
    case 'choose':
      return {
        kind: 'choose',
        cases: readTasks(task['choose'], [...path, 'choose'], reader),
        otherwise: readOtherwise(task['otherwise'], place),
      };
    case 'tasks':
    case undefined:
      return {
        kind: 'group',
        tasks: readTasks(task['tasks'], [...path, 'tasks'], reader),
        result: task['result'] === undefined ? undefined : reader.expression(task['result'], [...path, 'result']),
      };
  }
}

function readRun(
  run: unknown,
  { path, reader }: TaskPlace,
): Pick<Extract<Work, { kind: 'command' }>, 'run' | 'isShell'> {
  const at = [...path, 'run'];
  if (Array.isArray(run))
    return { run: run.map((argument, i) => reader.expression(argument, [...at, i])), isShell: false };
  // A block ends with a line break that nobody means.
  return { run: reader.template((run as string).replace(/\n+$/, ''), at, { isShell: true }), isShell: true };
}

function readFiles(
  task: Members,
  { path, reader }: TaskPlace,
): Pick<Extract<Work, { kind: 'command' }>, 'outputs' | 'inputFiles'> {
  const outputs = Object.entries((task['outputs'] ?? {}) as Members).map(([name, output]): OutputSpecs => {
    const { publish, temporary, ...rest } = output as Members;
    const [type = 'file', file = ''] = Object.entries(rest)[0] ?? [];
    const at = [...path, 'outputs', name];
    if (String(file).includes('$'))
      reader.problems.push({
        path: [...at, type],
        what: 'is the same in every job, and takes no values',
        hint: 'each job has a directory of its own: one name is enough; publish takes values',
      });
    return {
      name,
      type: type as OutputSpecs['type'],
      file: String(file),
      publish: typeof publish === 'string' ? reader.template(publish, [...at, 'publish']) : undefined,
      isTemporary: temporary === true,
    };
  });
  const inputFiles = Object.entries((task['inputs'] ?? {}) as Members).map(
    ([name, from]) => [name, reader.expression(from, [...path, 'inputs', name])] as const,
  );
  return { outputs, inputFiles };
}
