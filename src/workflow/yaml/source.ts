import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import { type ErrorCode, HeddleError } from '../../model/index.ts';
import type { DataPath } from '../experiments/index.ts';

/** What is wrong at a place of the document. */
export interface Problem {
  readonly path: DataPath;
  /** What is wrong, as it follows the path. */
  readonly what: string;
  readonly hint?: string;
  readonly code?: ErrorCode;
  /** The piece of the value's text that is wrong. */
  readonly at?: Piece;
  /** The key is meant and not its value. */
  readonly isKey?: boolean;
  readonly cause?: unknown;
}

/** A piece of a text: the how manyeth of its kind, from 0. */
export interface Piece {
  readonly text: string;
  readonly ordinal: number;
}

/** Larger is no workflow that a person wrote; a graph of any size is read from NDJSON. */
const MAX_CHARACTERS = 10_000_000;
/** Expansions of aliases, each counted with the aliases inside of it. */
const MAX_ALIASES = 1000;
const MAX_DEPTH = 100;
/** Mistakes told at once. */
const TOLD = 20;

/**
 * `${simulate.energy}` is what people write in lists and maps in one line, where YAML takes braces for its own. While it is
 * parsed, the braces and brackets of references are characters of no meaning, one for one, so that every place stays what it is.
 */
const REFERENCE = /\$\{[A-Za-z_][\w:-]*(?:\.[\w-]+|\[\d+\])*\}/g;
const VEILS: readonly (readonly [string, string])[] = [
  ['{', '\uE0F0'],
  ['}', '\uE0F1'],
  ['[', '\uE0F2'],
  [']', '\uE0F3'],
];
const VEILED = /[\uE0F0-\uE0F3]/g;

function veil(text: string): string {
  return text.replace(REFERENCE, (reference) =>
    VEILS.reduce((veiled, [from, to]) => veiled.replaceAll(from, to), reference),
  );
}

function unveil(text: string): string {
  return text.replace(VEILED, (char) => VEILS.find(([, to]) => to === char)?.[0] ?? char);
}

/** A YAML document as data, and where in its text everything stands. */
export class YamlSource {
  /** As errors name it. */
  readonly file: string;
  readonly #text: string;
  readonly #lines: LineCounter;
  readonly #document: Document;

  private constructor(
    file: string,
    text: string,
    parsed: { readonly lines: LineCounter; readonly document: Document },
  ) {
    this.file = file;
    this.#text = text;
    this.#lines = parsed.lines;
    this.#document = parsed.document;
  }

  /** @throws {HeddleError} INPUT_INVALID with file, line and column for what is no YAML, or more than plain data */
  static parse(text: string, file: string): YamlSource {
    if (text.length > MAX_CHARACTERS)
      throw new HeddleError('INPUT_INVALID', `${file} has ${text.length} characters; ${MAX_CHARACTERS} are read`, {
        hint: 'a graph of any size can be given as NDJSON: heddle graph --format json',
      });
    const lines = new LineCounter();
    const options = { lineCounter: lines, prettyErrors: false, merge: true, strict: true, version: '1.2' } as const;
    const source = new YamlSource(file, text, { lines, document: parseDocument(veil(text), options) });
    source.#refuseBadYaml();
    return source;
  }

  /** The document as plain data. @throws {HeddleError} INPUT_INVALID */
  data(): unknown {
    try {
      return unveiled(this.#document.toJS({ maxAliasCount: MAX_ALIASES }));
    } catch (cause) {
      const isBomb = cause instanceof ReferenceError && cause.message.startsWith('Excessive');
      throw this.error([
        {
          path: [],
          what: isBomb ? `refers by aliases to more than is sensible` : `can't be read: ${(cause as Error).message}`,
          hint: isBomb
            ? `at most ${MAX_ALIASES} aliases are followed, each with those inside of it`
            : 'write it without the alias',
          cause,
        },
      ]);
    }
  }

  /** One error that tells all problems, each with its place. */
  error(problems: readonly Problem[]): HeddleError {
    const told = problems.slice(0, TOLD).map((problem) => ({ ...problem, ...this.#positionOf(problem) }));
    const [first] = told;
    if (first === undefined) throw new TypeError('an error without a problem');
    const text = (each: (typeof told)[number]): string => {
      const path = pathText(each.path);
      return `${this.file}:${each.line}:${each.column}: ${path}${path === '' ? '' : ': '}${each.what}`;
    };
    const details = told.map(({ path, what, hint, line, column }) => ({ path, what, hint, line, column }));
    const message =
      told.length === 1
        ? text(first)
        : told.map((each) => `${text(each)}${each.hint === undefined ? '' : ` (${each.hint})`}`).join('\n');
    const more = problems.length > TOLD ? `\nand ${problems.length - TOLD} more` : '';
    return new HeddleError(first.code ?? 'INPUT_INVALID', message + more, {
      details: { file: this.file, path: first.path, line: first.line, column: first.column, problems: details },
      ...(told.length === 1 && first.hint !== undefined ? { hint: first.hint } : {}),
      ...(first.cause === undefined ? {} : { cause: first.cause }),
    });
  }

  /** Whether there is a value at a path. */
  has(path: DataPath): boolean {
    return this.#find(path).isWhole;
  }

  /** Does what may throw, and says where in the document that was. */
  within<Made>(path: DataPath, make: () => Made): Made {
    try {
      return make();
    } catch (thrown) {
      throw this.placed(path, thrown);
    }
  }

  /** An error as of a place in the document; one that says its own place stays as it is. */
  placed(path: DataPath, thrown: unknown): unknown {
    if (!HeddleError.is(thrown)) return thrown;
    const { details, code, message, hint } = thrown;
    const { line, path: own } = (details ?? {}) as { readonly line?: number; readonly path?: DataPath };
    if (line !== undefined) return thrown;
    const at = Array.isArray(own) ? own : path;
    // Who knows paths says them in the message too.
    const said = [`${pathText(at)}: `, `${pathText(at)} `].find((start) => message.startsWith(start)) ?? '';
    const what = message.slice(said.length);
    return this.error([{ path: at, what, code, cause: thrown, ...(hint === undefined ? {} : { hint }) }]);
  }

  #refuseBadYaml(): void {
    const { errors, warnings } = this.#document;
    // What follows the first mistake of syntax is mostly its consequence.
    const [wrong] = [...errors, ...warnings];
    if (wrong !== undefined) throw this.#atOffset(wrong.pos[0], yamlProblem(wrong));
    const problems: HeddleError[] = [];
    visit(this.#document, (_, node, ancestors) => {
      const refuse = (offset: number, what: string, hint: string): symbol => {
        problems.push(this.#atOffset(offset, { path: [], what, hint }));
        return visit.BREAK;
      };
      const start = isNode(node) ? (node.range?.[0] ?? 0) : 0;
      if (ancestors.length > 2 * MAX_DEPTH)
        return refuse(start, `is nested deeper than ${MAX_DEPTH}`, 'say it flatter');
      if (isPair(node)) return this.#refuseKey(node.key, refuse);
      if (isAlias(node) && node.resolve(this.#document) === undefined)
        return refuse(
          start,
          `there is no anchor '&${node.source}' before the alias '*${node.source}'`,
          'an alias repeats what was marked before',
        );
      if (isScalar(node) && typeof node.value === 'number') return this.#refuseNumber(node.value, start, refuse);
      return undefined;
    });
    const [problem] = problems;
    if (problem !== undefined) throw problem;
  }

  #refuseKey(key: unknown, refuse: (offset: number, what: string, hint: string) => symbol): symbol | undefined {
    const start = isNode(key) ? (key.range?.[0] ?? 0) : 0;
    const name = isScalar(key) ? key.value : undefined;
    if (name === '__proto__') return refuse(start, "'__proto__' is no key", 'choose another name');
    if (typeof name === 'string' || typeof name === 'number' || typeof name === 'boolean' || typeof name === 'symbol')
      return undefined;
    return refuse(start, 'a key must be a text', 'put it in quotes if it is meant as one');
  }

  #refuseNumber(
    value: number,
    start: number,
    refuse: (offset: number, what: string, hint: string) => symbol,
  ): symbol | undefined {
    if (!Number.isFinite(value)) return refuse(start, `${value} is no number that data can have`, 'give a number');
    if (Number.isInteger(value) && !Number.isSafeInteger(value) && /^[-+]?\d+$/.test(this.#sourceAt(start)))
      return refuse(start, `${this.#sourceAt(start)} is larger than a number can be exact`, 'put it in quotes');
    return undefined;
  }

  #sourceAt(offset: number): string {
    return /^[^\s,\]}]*/.exec(this.#text.slice(offset, offset + 40))?.[0] ?? '';
  }

  #atOffset(offset: number, problem: Problem): HeddleError {
    const { line, col } = this.#position(offset);
    return new HeddleError('INPUT_INVALID', `${this.file}:${line}:${col}: ${problem.what}`, {
      details: { file: this.file, path: [], line, column: col },
      ...(problem.hint === undefined ? {} : { hint: problem.hint }),
    });
  }

  #position(offset: number): { readonly line: number; readonly col: number } {
    return this.#lines.linePos(Math.max(0, Math.min(offset, this.#text.length - 1)));
  }

  #positionOf({ path, at, isKey }: Problem): { readonly line: number; readonly column: number } {
    const found = this.#find(path);
    let offset = (isKey === true ? found.key : undefined) ?? found.start;
    if (at !== undefined && found.isWhole) {
      const source = this.#text.slice(found.start, found.end);
      let index = -1;
      for (let i = 0; i <= at.ordinal; i += 1) {
        const next = source.indexOf(at.text, index + 1);
        if (next < 0) break;
        index = next;
      }
      if (index >= 0) offset = found.start + index;
    }
    const { line, col } = this.#position(offset);
    return { line, column: col };
  }

  /** Where the value at a path stands, or the nearest one around it that is there. */
  #find(path: DataPath): Found {
    let node: unknown = this.#document.contents;
    let key: number | undefined;
    let isWhole = true;
    let last = isNode(node) ? node : undefined;
    for (const step of path) {
      const next = childOf(resolved(node, this.#document), step, this.#document);
      if (next === undefined) {
        isWhole = false;
        break;
      }
      key = next.key?.range?.[0];
      node = next.value;
      if (isNode(node) && node.range !== undefined && node.range !== null) last = node;
      else if (key !== undefined) return { key, start: key, end: key, isWhole: false };
    }
    const [start = 0, end = start] = last?.range ?? [];
    return { key, start, end, isWhole };
  }
}

interface Found {
  readonly key: number | undefined;
  readonly start: number;
  readonly end: number;
  /** Whether the value itself was found, and not only what is around it. */
  readonly isWhole: boolean;
}

interface Child {
  readonly key: Node | undefined;
  readonly value: unknown;
}

function resolved(node: unknown, document: Document): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}

function childOf(node: unknown, step: string | number, document: Document): Child | undefined {
  if (isSeq(node)) {
    const value: unknown = node.items[Number(step)];
    return value === undefined ? undefined : { key: undefined, value };
  }
  if (!isMap(node)) return undefined;
  return memberOf(node, String(step), document);
}

function memberOf(map: YAMLMap, name: string, document: Document): Child | undefined {
  const keyOf = (key: unknown): string => (isScalar(key) ? unveil(String(key.value)) : '');
  const own = map.items.find(({ key }) => keyOf(key) === name);
  if (own !== undefined) return { key: isNode(own.key) ? own.key : undefined, value: own.value };
  for (const { key, value } of map.items) {
    if (!isScalar(key) || (key.source ?? '') !== '<<') continue;
    const merged = resolved(value, document);
    for (const each of isSeq(merged) ? merged.items : [merged]) {
      const found = childOf(resolved(each, document), name, document);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** Takes the veils off the texts and keys of data. */
function unveiled(data: unknown): unknown {
  if (typeof data === 'string') return unveil(data);
  if (Array.isArray(data)) return data.map(unveiled);
  if (typeof data !== 'object' || data === null) return data;
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [unveil(key), unveiled(value)]));
}

const SYNTAX: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  DUPLICATE_KEY: ['the same key stands twice', 'say it once'],
  TAB_AS_INDENT: ['a tab indents the line', 'indent by spaces'],
  MULTIPLE_DOCS: ['a second document begins', 'one file is one workflow: drop the ---, or make it a file of its own'],
  BLOCK_AS_IMPLICIT_KEY: ['two colons on one line', 'put the value in quotes, or on a line of its own'],
  BAD_SCALAR_START: ['a text begins with a character that YAML keeps for itself', 'put it in quotes'],
  RESOURCE_EXHAUSTION: ['it is nested deeper than is sensible', 'say it flatter'],
  TAG_RESOLVE_FAILED: ['a tag is used that is not known', 'drop the !tag: only plain data is read'],
};

function yamlProblem({ code, message }: YAMLError): Problem {
  const known = SYNTAX[code];
  if (known !== undefined) return { path: [], what: known[0], hint: known[1] };
  return {
    path: [],
    what: unveil(message).replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase()),
    hint: 'this is no YAML',
  };
}

/** `tasks.simulate.args[0]`. */
export function pathText(path: DataPath): string {
  return path.map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`)).join('');
}
