import { serialize } from 'node:v8';
import { HeddleError } from './errors.ts';
import type { Ref } from './task.ts';
import { findRef, follow, readGathered, type ResolveContext, resolveContext } from './template-data.ts';
import { isLargerThan, type Json, MAX_VALUE_BYTES, type Value } from './value.ts';

/**
 * Writes values of other nodes together as one, by a template of data with refs. Files stay files: where there are any, the
 * value is a `GatheredValue`. Pieces of JSON are copied as text.
 */
export class GatheredWriter {
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
    if (Object.hasOwn(members, '$file')) {
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
    if (!isClone) return JSON.stringify(this.#escaped(value as Json));
    this.#hasClones = true;
    return `{"$v8":"${Buffer.from(serialize(value)).toString('base64')}"}`;
  }

  /** Objects with keys that start with `$` are written apart, as everywhere in data. */
  #escaped(value: Json): Json {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return (value as readonly Json[]).map((element) => this.#escaped(element));
    const entries = Object.entries(value).map(([key, member]): [string, Json] => [key, this.#escaped(member as Json)]);
    if (!entries.some(([key]) => key.startsWith('$'))) return Object.fromEntries(entries);
    this.#hasMarks = true;
    return { $object: entries };
  }
}

/** No command's outputs, and no key that starts with `$`. */
function isPlain(json: string): boolean {
  return !json.includes('"$') && !json.startsWith('{"outputs"');
}
