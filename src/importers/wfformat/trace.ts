import { Uint32Column } from '../../model/index.ts';
import { Interner } from './interner.ts';
import { streamElements } from '../json-elements.ts';
import { Reading } from './reading.ts';
import { traceError } from './trace-error.ts';

/** Lists of numbers, one after the other: list i of task i. */
export class Lists {
  readonly #offsets = new Uint32Column();
  readonly #values = new Uint32Column();

  constructor() {
    this.#offsets.push(0);
  }

  push(values: readonly number[]): void {
    for (const value of values) this.#values.push(value);
    this.#offsets.push(this.#values.size);
  }

  at(i: number): number[] {
    const list: number[] = [];
    const end = this.#offsets.at(i + 1);
    for (let k = this.#offsets.at(i); k < end; k += 1) list.push(this.#values.at(k));
    return list;
  }
}

/**
 * A trace as it was read: tasks by their place in the specification, ids and files as numbers.
 * A million tasks are some dozen columns.
 */
export class Trace {
  readonly source: string;
  name = '';
  description: string | undefined;
  schemaVersion = '';
  makespanSeconds: number | undefined;
  executedAt: string | undefined;
  size = 0;
  hasExecution = false;
  hasFileList = false;
  /** Number of an id -> its place among the tasks, -1 when it is only spoken of. */
  readonly taskOf: number[] = [];
  readonly ids: Interner = new Interner();
  readonly labels: Interner = new Interner();
  readonly files: Interner = new Interner();
  readonly idOf: number[] = [];
  readonly labelOf: number[] = [];
  /** Whether the task says who its parents are, and whether it says what it reads. */
  readonly saysParents: boolean[] = [];
  readonly saysInputs: boolean[] = [];
  readonly parents: Lists = new Lists();
  readonly children: Lists = new Lists();
  readonly inputs: Lists = new Lists();
  readonly outputs: Lists = new Lists();
  /** Number of a file -> bytes; undefined when it is not in the list of files. */
  readonly bytesOf: (number | undefined)[] = [];
  /** Number of an id -> seconds. */
  readonly secondsOf: (number | undefined)[] = [];

  constructor(source: string) {
    this.source = source;
  }

  place(path: string): string {
    return `${this.source}: ${path}`;
  }

  /** How people find task i in the file. */
  taskPlace(i: number): string {
    return this.place(`workflow.specification.tasks[${i}] ('${this.ids.textOf(this.idOf[i] as number)}')`);
  }
}

/**
 * Reads a WfFormat 1.5 trace piece by piece.
 *
 * @throws {HeddleError} TRACE_INVALID, naming the place
 */
export async function readTrace(
  chunks: AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>,
  source: string,
): Promise<Trace> {
  const trace = new Trace(source);
  const at = (list: string, value: unknown, i: number): Reading => Reading.of(value, trace.place(`${list}[${i}]`));
  const rest = await streamElements(chunks, {
    lists: {
      [TASKS]: (task, i) => readTask(trace, at(TASKS, task, i)),
      [FILES]: (file, i) => readFile(trace, at(FILES, file, i)),
      [EXECUTIONS]: (task, i) => readExecution(trace, at(EXECUTIONS, task, i)),
    },
    refuse: (place, problem) =>
      traceError(`${source}, ${place}`, `no valid JSON: ${problem}`, 'the file is damaged or no trace: get it again'),
  });
  readRest(trace, Reading.of(rest, source));
  return trace;
}

const TASKS = 'workflow.specification.tasks';
const FILES = 'workflow.specification.files';
const EXECUTIONS = 'workflow.execution.tasks';

/** What is said once. Its long lists were read before, and are empty here. */
function readRest(trace: Trace, rest: Reading): void {
  const version = rest.has('schemaVersion') ? rest.get('schemaVersion').text() : undefined;
  if (version !== '1.5') {
    throw traceError(
      trace.place('schemaVersion'),
      version === undefined ? 'is missing' : `is '${version}'`,
      'WfFormat 1.5 is read; convert older traces with the tools of WfCommons, and see that it is a trace at all',
    );
  }
  if (rest.has('name')) trace.name = rest.get('name').text();
  if (rest.has('description')) trace.description = rest.get('description').text();
  const workflow = rest.get('workflow');
  const specification = workflow.get('specification');
  specification.get('tasks').list();
  if (specification.has('files')) {
    specification.get('files').list();
    trace.hasFileList = true;
  }
  if (workflow.has('execution')) {
    const execution = workflow.get('execution');
    execution.get('tasks').list();
    trace.hasExecution = true;
    if (execution.has('makespanInSeconds')) trace.makespanSeconds = execution.get('makespanInSeconds').seconds();
    if (execution.has('executedAt')) trace.executedAt = execution.get('executedAt').text();
  }
  if (trace.size === 0) throw traceError(trace.place(TASKS), 'there are no tasks', 'a trace has at least one task');
}

/** What job ids may not hold: they are shown as `RUN/JOB`, and end up in paths and on command lines. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const NOT_IN_IDS = /[/\u0000-\u001f\u007f]/;

function readTask(trace: Trace, task: Reading): void {
  const id = task.get('id').text();
  if (NOT_IN_IDS.test(id)) {
    throw traceError(
      task.get('id').place,
      `'${id}' holds a slash or a control character`,
      'rename the task: letters, digits, - _ . and # are usual',
    );
  }
  const i = trace.size;
  const idNumber = trace.ids.numberOf(id);
  const other = trace.taskOf[idNumber];
  if (other !== undefined && other !== -1) {
    throw traceError(
      task.get('id').place,
      `'${id}' is the id of task ${other} too`,
      'give every task an id of its own',
    );
  }
  trace.taskOf[idNumber] = i;
  trace.idOf.push(idNumber);
  trace.labelOf.push(trace.labels.numberOf(task.get('name').text()));
  const idsIn = (field: string): number[] => {
    const list = task.get(field).texts();
    return list.map((text) => {
      const number = trace.ids.numberOf(text);
      trace.taskOf[number] ??= -1;
      return number;
    });
  };
  const filesIn = (field: string): number[] =>
    task
      .get(field)
      .texts()
      .map((file, k) => trace.files.numberOf(fileId(file, `${task.get(field).place}[${k}]`)));
  trace.saysParents.push(task.has('parents'));
  trace.saysInputs.push(task.has('inputFiles'));
  trace.parents.push(idsIn('parents'));
  trace.children.push(idsIn('children'));
  trace.inputs.push(filesIn('inputFiles'));
  trace.outputs.push(filesIn('outputFiles'));
  trace.size += 1;
}

/** A file id without the slashes it may begin with: it is a name, and leads nowhere. */
function fileId(text: string, place: string): string {
  const id = text.replace(/^\/+/, '');
  if (id === '' || id.split('/').includes('..') || id.includes('\0')) {
    throw traceError(
      place,
      `'${text}' can't be the id of a file`,
      "give the file a name; '..' leads out of the work directory",
    );
  }
  return id;
}

function readFile(trace: Trace, file: Reading): void {
  const number = trace.files.numberOf(fileId(file.get('id').text(), file.get('id').place));
  if (trace.bytesOf[number] !== undefined) {
    throw traceError(
      file.get('id').place,
      `'${trace.files.textOf(number)}' stands twice in the list of files`,
      'list every file once; a leading / does not make another',
    );
  }
  trace.bytesOf[number] = file.get('sizeInBytes').bytes();
}

function readExecution(trace: Trace, task: Reading): void {
  const number = trace.ids.numberOf(task.get('id').text());
  trace.taskOf[number] ??= -1;
  if (trace.secondsOf[number] !== undefined) {
    throw traceError(
      task.get('id').place,
      `'${trace.ids.textOf(number)}' was executed twice`,
      'keep the execution that counts',
    );
  }
  trace.secondsOf[number] = task.get('runtimeInSeconds').seconds();
}
