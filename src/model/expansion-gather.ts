import { serialize } from 'node:v8';
import { gatherRefs } from './control-data.ts';
import { asError, HeddleError } from './errors.ts';
import type { Became, Expanded, NodeRange, ReadyControl, UpstreamEnd } from './expansion-shape.ts';
import { describeOutcome, type SerializedError } from './outcome.ts';
import type { Ref } from './task.ts';
import { findRef, follow, readGathered, type ResolveContext, resolveContext } from './template-data.ts';
import { escapedData, isLargerThan, type Json, MAX_VALUE_BYTES, type Value } from './value.ts';

/** Elements of a list that are gone through at a time: so that a long one does not hold the loop. */
export const ELEMENTS_AT_ONCE = 500;

/** Failures that a gather names; the others are counted. */
const NAMED_FAILURES = 20;

/** What a control node has told its gather. */
export function becameOf(node: ReadyControl, control: string): Became {
  const index = node.indexOf(control);
  const became = index === undefined ? undefined : becameAt(node, index);
  if (became !== undefined) return became;
  throw new HeddleError('GRAPH_INVALID', `'${node.job}' gathers '${control}', and there is no such control node`, {
    hint: 'a gather has a data edge from its control node',
  });
}

function becameAt(node: ReadyControl, index: number): Became | undefined {
  const value = node.upstream(index)?.value;
  return value?.codec === 'json' ? (JSON.parse(value.json) as Became) : undefined;
}

/** The value of a branch or a loop, or why there is none. */
export function gatherResult(node: ReadyControl, became: Exclude<Became, { readonly elements: unknown }>): Expanded {
  let at = became;
  while ('next' in at) {
    const end = node.upstream(at.next);
    if (end?.status !== 'done') return withoutValue(node, end, at.nodes);
    at = becameAt(node, at.next) as typeof at;
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
  writer.data(result);
  return { value: writer.value(node.job) };
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
export function* gatherElements(
  node: ReadyControl,
  { elements, size }: Extract<Became, { readonly elements: unknown }>,
  settled: boolean,
): Generator<void, Expanded> {
  const writer = new GatheredWriter((ref) => node.upstream(ref)?.value);
  const failures: ElementFailure[] = [];
  let failed = 0;
  writer.text('[');
  for (const [index, [first, result]] of elements.entries()) {
    if (index > 0) writer.text(',');
    if (index > 0 && index % ELEMENTS_AT_ONCE === 0) yield;
    const end = endOf(node, { first, size, result });
    const error = writeElement(writer, { end, result, settled });
    if (error === undefined) continue;
    failed += 1;
    if (failures.length < NAMED_FAILURES) failures.push({ index, error });
  }
  writer.text(']');
  if (failed > 0) return { error: gathersFailures(node, { failures, failed, of: elements.length }) };
  return { value: writer.value(node.job) };
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

/** Writes what an element has come to; gives the error of one that has not come to a value, unless that is welcome. */
function writeElement(writer: GatheredWriter, { end, result, settled }: ElementEnd): SerializedError | undefined {
  const status = end?.status ?? 'done';
  if (status === 'skipped') {
    writer.text(settled ? '{"status":"skipped"}' : 'null');
    return undefined;
  }
  let error = end === undefined ? undefined : failureOf(end);
  if (error === undefined) {
    const mark = writer.mark;
    try {
      if (settled) writer.text('{"status":"done","value":');
      writer.data(result);
      if (settled) writer.text('}');
      return undefined;
    } catch (thrown) {
      writer.drop(mark);
      error = serialized(asError(thrown));
    }
  }
  if (!settled) return error;
  const { stack: _, ...told } = error;
  writer.text(JSON.stringify({ status: status === 'cancelled' ? status : 'failed', error: told }));
  return undefined;
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

/**
 * Writes values of other nodes together as one, by a template of data with refs. Files stay files: where there are any, the
 * value is a `GatheredValue`. Pieces of JSON are copied as text.
 */
class GatheredWriter {
  readonly #value: (node: number) => Value | undefined;
  readonly #context: ResolveContext;
  readonly #pieces: string[] = [];
  #hasFiles = false;
  /** Something is marked: the text is not yet the value itself. */
  #hasMarks = false;
  #hasClones = false;

  constructor(value: (node: number) => Value | undefined) {
    this.#value = value;
    this.#context = resolveContext(value, { project: '', clones: true });
  }

  /** JSON that stands there as it is. */
  text(json: string): void {
    this.#pieces.push(json);
  }

  /** The number of pieces so far, to go back to (`drop`). */
  get mark(): number {
    return this.#pieces.length;
  }

  drop(mark: number): void {
    this.#pieces.length = mark;
  }

  /**
   * Writes a template with its refs replaced.
   *
   * @throws {HeddleError} TEMPLATE_INVALID when a ref leads nowhere
   */
  data(data: Json): void {
    this.#pieces.push(this.#data(data));
  }

  /** @throws {HeddleError} VALUE_TOO_LARGE */
  value(what: string): Value {
    const value = this.#whole(this.#pieces.join(''));
    if (!isLargerThan(value, MAX_VALUE_BYTES)) return value;
    throw new HeddleError('VALUE_TOO_LARGE', `what '${what}' gathers is larger than ${MAX_VALUE_BYTES} bytes`, {
      hint: 'let tasks leave large results in files, and return what is needed of them',
    });
  }

  #whole(text: string): Value {
    if (this.#hasFiles) return { codec: 'json', json: `{"$gathered":${text}}` };
    if (!this.#hasMarks && !this.#hasClones) return { codec: 'json', json: text };
    const value = readGathered(JSON.parse(text) as Json);
    return this.#hasClones
      ? { codec: 'v8', bytes: new Uint8Array(serialize(value)) }
      : { codec: 'json', json: JSON.stringify(value) };
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
        return this.#leaf(follow(found.value, found.rest, found.whose), value?.codec === 'v8');
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
    if (typeof value === 'string' || typeof value === 'boolean' || value === null) return JSON.stringify(value);
    if (!isClone) {
      const data = escapedData(value as Json);
      if (data !== value) this.#hasMarks = true;
      return JSON.stringify(data);
    }
    this.#hasClones = true;
    return `{"$v8":"${Buffer.from(serialize(value)).toString('base64')}"}`;
  }
}

/** No command's outputs, and no key that starts with `$`. */
function isPlain(json: string): boolean {
  return !json.includes('"$') && !json.startsWith('{"outputs"');
}
