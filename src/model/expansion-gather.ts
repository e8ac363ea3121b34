import { serialize } from 'node:v8';
import type { ControlPayload } from './control.ts';
import { gatherRefs } from './control-data.ts';
import { asError, HeddleError } from './errors.ts';
import type { Became, Expanded, NodeRange, ReadyControl, UpstreamEnd } from './expansion-shape.ts';
import { ELEMENTS_AT_ONCE, readElements, type WrittenElements } from './instance.ts';
import { describeOutcome, type SerializedError } from './outcome.ts';
import type { Ref } from './task.ts';
import { findRef, follow, readGathered, type ResolveContext, resolveContext } from './template-data.ts';
import { clonedData, escapedData, isLargerThan, type Json, MAX_VALUE_BYTES, type Value } from './value.ts';

/** Failures that a gather names; the others are counted. */
const NAMED_FAILURES = 20;

type Gather = Extract<ControlPayload, { readonly control: 'gather' }>;
type Result = Exclude<Became, { readonly elements: unknown }>;

/** Takes together what a control node has told it became. */
export function gather(node: ReadyControl, payload: Gather): Expanded | Generator<void, Expanded> {
  const index = node.indexOf(payload.of);
  const json = index === undefined ? undefined : toldBy(node, index);
  if (json === undefined)
    throw new HeddleError('GRAPH_INVALID', `'${node.job}' gathers '${payload.of}', and there is no such control node`, {
      hint: 'a gather has a data edge from its control node',
    });
  const elements = readElements(json);
  if (elements !== undefined) return gatherElements(node, elements, payload.settled === true);
  return gatherResult(node, JSON.parse(json) as Result);
}

function toldBy(node: ReadyControl, index: number): string | undefined {
  const value = node.upstream(index)?.value;
  return value?.codec === 'json' ? value.json : undefined;
}

/** The value of a branch or a loop, or why there is none. */
function gatherResult(node: ReadyControl, became: Result): Expanded {
  let at = became;
  while ('next' in at) {
    const end = node.upstream(at.next);
    if (end?.status !== 'done') return withoutValue(node, end, at.nodes);
    at = JSON.parse(toldBy(node, at.next) as string) as Result;
  }
  const { result, nodes = NONE } = at;
  for (const ref of gatherRefs(result, new Set())) {
    const end = node.upstream(ref);
    if (end?.status !== 'done') return withoutValue(node, end, nodes);
  }
  const only = onlyRef(result);
  const whole = only === undefined ? undefined : node.upstream(only)?.value;
  if (whole !== undefined) return { value: whole };
  const writer = new GatheredWriter((ref) => node.upstream(ref)?.value);
  return { value: writer.value(node.job, writer.data(result)) };
}

const NONE: NodeRange = { first: 0, size: 0 };

/** What is needed has not ended well: because of a node beside it that failed, where there is one. */
function withoutValue(node: ReadyControl, end: UpstreamEnd | undefined, nodes: NodeRange): Expanded {
  if (end?.status === 'skipped') return { skipped: true };
  const failed = end?.status === 'failed' ? end : firstFailed(node, nodes);
  return { error: failureOf(failed ?? end ?? { status: 'cancelled' }) };
}

function firstFailed(node: ReadyControl, { first, size }: NodeRange): UpstreamEnd | undefined {
  for (let k = first; k < first + size; k += 1) {
    const end = node.upstream(k);
    if (end?.status === 'failed') return end;
  }
  return undefined;
}

/** The node a value is the whole of. */
function onlyRef(result: Json): number | undefined {
  if (typeof result !== 'object' || result === null || !Object.hasOwn(result, '$ref')) return undefined;
  const ref = (result as unknown as { readonly $ref: readonly [number, ...unknown[]] }).$ref;
  return ref.length === 1 ? ref[0] : undefined;
}

interface ElementFailure {
  readonly index: number;
  readonly error: SerializedError;
}

/** The values of a scatter's instances in the order of the elements, or what became of each. */
function* gatherElements(
  node: ReadyControl,
  { slices, size }: WrittenElements,
  settled: boolean,
): Generator<void, Expanded> {
  const writer = new GatheredWriter((ref) => node.upstream(ref)?.value);
  const list = new GatheredList(writer);
  const failures: ElementFailure[] = [];
  let failed = 0;
  let index = 0;
  for (const slice of slices()) {
    for (const [first, result] of slice) {
      if (index > 0 && index % ELEMENTS_AT_ONCE === 0) yield;
      const end = endOf(node, { first, size, result });
      const { text, error } = writeElement(writer, { end, result, settled });
      if (text !== undefined) list.add(text);
      if (error !== undefined) {
        failed += 1;
        if (failures.length < NAMED_FAILURES) failures.push({ index, error });
      }
      index += 1;
    }
  }
  if (failed > 0) return { error: gathersFailures(node, { failures, failed, of: index }) };
  return { value: yield* list.value(node.job) };
}

interface ElementOf extends NodeRange {
  readonly result: Json;
}

/** How one instance has ended: as the first of its nodes that failed, else as what its value needs. */
function endOf(node: ReadyControl, { result, ...nodes }: ElementOf): UpstreamEnd | undefined {
  const failed = firstFailed(node, nodes);
  if (failed !== undefined) return failed;
  let skipped: UpstreamEnd | undefined;
  for (const ref of gatherRefs(result, new Set())) {
    const end = node.upstream(ref);
    if (end === undefined || end.status === 'failed' || end.status === 'cancelled')
      return end ?? { status: 'cancelled' };
    if (end.status === 'skipped') skipped = end;
  }
  return skipped;
}

interface ElementEnd {
  /** Undefined: well. */
  readonly end: UpstreamEnd | undefined;
  readonly result: Json;
  readonly settled: boolean;
}

interface WrittenElement {
  readonly text?: string;
  readonly error?: SerializedError;
}

/** What an element has come to, as text; the error of one that has not come to a value, unless that is welcome. */
function writeElement(writer: GatheredWriter, { end, result, settled }: ElementEnd): WrittenElement {
  const status = end?.status ?? 'done';
  if (status === 'skipped') return { text: settled ? '{"status":"skipped"}' : 'null' };
  let error = end === undefined ? undefined : failureOf(end);
  if (error === undefined) {
    try {
      const text = writer.data(result);
      return { text: settled ? `{"status":"done","value":${text}}` : text };
    } catch (thrown) {
      error = serialized(asError(thrown));
    }
  }
  if (!settled) return { error };
  const { stack: _, ...told } = error;
  return { text: JSON.stringify({ status: status === 'cancelled' ? status : 'failed', error: told }) };
}

function serialized(error: Error): SerializedError {
  return HeddleError.is(error)
    ? {
        name: error.name,
        message: error.message,
        code: error.code,
        ...(error.hint === undefined ? {} : { hint: error.hint }),
      }
    : { name: error.name, message: error.message };
}

/** Why something has no value. */
function failureOf({ status, outcome }: UpstreamEnd): SerializedError {
  if (status === 'failed' && outcome?.kind === 'error') return outcome.error;
  const message =
    status === 'failed'
      ? outcome === undefined
        ? 'it could never run'
        : describeOutcome(outcome)
      : `it was ${status}`;
  return {
    name: 'HeddleError',
    message,
    code: status === 'failed' ? 'TASK_FAILED' : 'JOB_CANCELLED',
  };
}

interface Failures {
  readonly failures: readonly ElementFailure[];
  readonly failed: number;
  readonly of: number;
}

function gathersFailures(node: ReadyControl, { failures, failed, of }: Failures): SerializedError {
  const named = failures.map(({ index, error: { message } }) => `[${index}] ${firstLine(message)}`);
  const more = failed > failures.length ? `; and ${failed - failures.length} more` : '';
  return {
    name: 'HeddleError',
    code: 'TASK_FAILED',
    message: `${failed} of ${of} elements of '${node.job.replace(/\/gather$/, '')}' failed: ${named.join('; ')}${more}`,
    hint: 'a map with { settled: true } goes on with what became of each',
    errors: failures.map(({ index, error }) => ({ ...error, message: `[${index}] ${error.message}` })),
  };
}

const LINE_CHARS = 200;

function firstLine(text: string): string {
  const line = text.split('\n', 1)[0] as string;
  return line.length > LINE_CHARS ? `${line.slice(0, LINE_CHARS)}...` : line;
}

/** Whether what was gathered can stand as it was written, or its marks are still to become values. */
type Manner = 'plain' | 'files' | 'marked' | 'clones';

/**
 * Writes values of other nodes together as one, by a template of data with refs. Files stay files: where there are any, the
 * value is a `GatheredValue`. Pieces of JSON are copied as text.
 */
class GatheredWriter {
  readonly #value: (node: number) => Value | undefined;
  readonly #context: ResolveContext;
  #hasFiles = false;
  /** Something is marked: the text is not yet the value itself. */
  #hasMarks = false;
  #hasClones = false;

  constructor(value: (node: number) => Value | undefined) {
    this.#value = value;
    this.#context = resolveContext(value, { project: '', clones: true });
  }

  /**
   * A template with its refs replaced, as text.
   *
   * @throws {HeddleError} TEMPLATE_INVALID when a ref leads nowhere
   */
  data(data: Json): string {
    return this.#data(data);
  }

  /** What all that was written is to be: files stay what they are, else values are to be as they were. */
  get manner(): Manner {
    if (this.#hasFiles) return 'files';
    if (this.#hasClones) return 'clones';
    return this.#hasMarks ? 'marked' : 'plain';
  }

  /** What was written, as the value of `what`. @throws {HeddleError} VALUE_TOO_LARGE */
  value(what: string, text: string): Value {
    return limited(what, this.#whole(text));
  }

  #whole(text: string): Value {
    switch (this.manner) {
      case 'plain':
        return { codec: 'json', json: text };
      case 'files':
        return { codec: 'json', json: `{"$gathered":${text}}` };
      case 'marked':
        return { codec: 'json', json: JSON.stringify(readText(text)) };
      case 'clones':
        return { codec: 'v8', bytes: new Uint8Array(serialize(readText(text))) };
    }
  }

  #data(data: Json): string {
    if (typeof data !== 'object' || data === null) return JSON.stringify(data);
    if (Array.isArray(data)) return `[${(data as readonly Json[]).map((element) => this.#data(element)).join(',')}]`;
    const members = data as { readonly [key: string]: Json };
    if (Object.hasOwn(members, '$ref')) return this.#ref(members as unknown as Ref);
    if (Object.hasOwn(members, '$file') || Object.hasOwn(members, '$output')) {
      this.#hasFiles = true;
      return JSON.stringify(members);
    }
    if (Object.hasOwn(members, '$v8')) {
      this.#hasClones = true;
      return JSON.stringify(members);
    }
    if (Object.hasOwn(members, '$object')) {
      const entries = members['$object'] as readonly (readonly [string, Json])[];
      this.#hasMarks = true;
      return `{"$object":[${entries.map(([key, member]) => `[${JSON.stringify(key)},${this.#data(member)}]`).join(',')}]}`;
    }
    return `{${Object.entries(members)
      .map(([key, member]) => `${JSON.stringify(key)}:${this.#data(member)}`)
      .join(',')}}`;
  }

  #ref(ref: Ref): string {
    const [node, ...path] = ref.$ref;
    const value = this.#value(node);
    // Most results are JSON without anything that could be a mark, and need no reading.
    if (path.length === 0 && value?.codec === 'json' && isPlain(value.json)) return value.json;
    const found = findRef(ref, this.#context);
    switch (found.kind) {
      case 'value':
        return this.#leaf(follow(found.value, found.rest, found.whose), mayBeClone(value));
      case 'gathered':
        this.#hasFiles = true;
        return JSON.stringify(found.data);
      case 'outputs': {
        this.#hasFiles = true;
        const outputs = Object.entries(found.outputs).map(([name, output]) => [name, { $output: output }]);
        return JSON.stringify(Object.fromEntries(outputs));
      }
      case 'output': {
        const { output, rest, whose } = found;
        if (rest.length > 0) {
          if (output.type === 'json') return this.#leaf(follow(output.value, rest, whose), false);
          throw new HeddleError('TEMPLATE_INVALID', `${whose} has no parts`, {
            hint: 'declare it with json(...) to take parts of it',
          });
        }
        this.#hasFiles = true;
        return JSON.stringify({ $output: output });
      }
    }
  }

  #leaf(value: unknown, isClone: boolean): string {
    const data = isClone ? clonedData(value) : escapedData(value as Json);
    if (isClone && typeof data === 'object') this.#hasClones = true;
    else if (data !== value) this.#hasMarks = true;
    return JSON.stringify(data);
  }
}

/** A value by itself, or one in what was gathered with files. */
function mayBeClone(value: Value | undefined): boolean {
  return value?.codec === 'v8' || value?.json.startsWith('{"$gathered"') === true;
}

/** No command's outputs, and no key that starts with `$`. */
function isPlain(json: string): boolean {
  return !json.includes('"$') && !json.startsWith('{"outputs"');
}

function readText(text: string): unknown {
  return readGathered(JSON.parse(text) as Json);
}

function limited(what: string, value: Value): Value {
  if (!isLargerThan(value, MAX_VALUE_BYTES)) return value;
  throw new HeddleError('VALUE_TOO_LARGE', `what '${what}' gathers is larger than ${MAX_VALUE_BYTES} bytes`, {
    hint: 'let tasks leave large results in files, and return what is needed of them',
  });
}

/** Texts of a writer as one list, taken together slice by slice. */
class GatheredList {
  readonly #writer: GatheredWriter;
  readonly #slices: string[] = [];
  #slice: string[] = [];

  constructor(writer: GatheredWriter) {
    this.#writer = writer;
  }

  add(text: string): void {
    this.#slice.push(text);
    if (this.#slice.length === ELEMENTS_AT_ONCE) this.#close();
  }

  /**
   * The list as the value of `what`. Only v8's format is written in one go.
   *
   * @throws {HeddleError} VALUE_TOO_LARGE
   */
  *value(what: string): Generator<void, Value> {
    this.#close();
    const slices = this.#slices;
    switch (this.#writer.manner) {
      case 'plain':
      case 'files':
        break;
      case 'marked':
        for (let i = 0; i < slices.length; i += 1) {
          if (i > 0) yield;
          slices[i] = JSON.stringify(readText(`[${slices[i]}]`)).slice(1, -1);
        }
        return limited(what, { codec: 'json', json: `[${slices.join(',')}]` });
      case 'clones': {
        const list: unknown[] = [];
        for (const [i, slice] of slices.entries()) {
          if (i > 0) yield;
          list.push(...(readText(`[${slice}]`) as unknown[]));
        }
        return limited(what, { codec: 'v8', bytes: new Uint8Array(serialize(list)) });
      }
    }
    return this.#writer.value(what, `[${slices.join(',')}]`);
  }

  #close(): void {
    if (this.#slice.length > 0) this.#slices.push(this.#slice.join(','));
    this.#slice = [];
  }
}
