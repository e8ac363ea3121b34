import { HeddleError, type Secret } from '../model/index.ts';
import type { NodeRecord, Recorder } from './recorder.ts';

declare const VALUE: unique symbol;

/** Stands for a value of type T that is not known while a graph is built. */
export interface Placeholder<T> {
  /** Never there: it only carries the type. */
  readonly [VALUE]: T;
}

type Primitive = string | number | boolean | bigint | symbol | null | undefined;

/** A placeholder whose parts can be taken as those of the value itself. */
export type Part<T> = Placeholder<T> &
  (T extends Primitive
    ? unknown
    : T extends readonly (infer Element)[]
      ? { readonly [index: number]: Part<Element> }
      : T extends object
        ? { readonly [Key in keyof T]-?: Part<T[Key]> }
        : unknown);

/** T, or a placeholder wherever in it a value may stand, at any depth; where text is wanted, also a secret. */
export type Symbolic<T> =
  | T
  | Placeholder<T>
  | (string extends T ? Secret : never)
  | (T extends Primitive
      ? never
      : T extends readonly (infer Element)[]
        ? readonly Symbolic<Element>[]
        : T extends object
          ? { readonly [Key in keyof T]: Symbolic<T[Key]> }
          : never);

/** Under this key handles and parts keep what they stand for. */
export const SOURCE: unique symbol = Symbol('heddle.source');

/** What is given to a body when it is instantiated: its collection's element, its loop's state. */
export interface BodyInput {
  readonly recorder: Recorder;
  readonly what: 'item' | 'index' | 'state' | 'iteration';
}

/** What a placeholder stands for: a node or what a body is given, and the way into its value. */
export interface Source {
  readonly origin: NodeRecord | BodyInput;
  readonly path: readonly (string | number)[];
}

export function isBodyInput(origin: NodeRecord | BodyInput): origin is BodyInput {
  return 'what' in origin;
}

/** The placeholder's source; undefined for any other value. A copy that lost its class is refused. */
export function sourceOf(value: unknown): Source | undefined {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return undefined;
  if (!(SOURCE in value)) return undefined;
  // `{ ...handle }` copies this key, but not what makes it a handle.
  if (Object.getPrototypeOf(value) === Object.prototype)
    throw placeholderUsed(value[SOURCE] as Source, 'is spread into an object');
  return value[SOURCE] as Source;
}

/** How people would write it: `simulate(...).energy.mean`. */
export function describeSource({ origin, path }: Source): string {
  const steps = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`));
  return `${originText(origin)}${steps.join('')}`;
}

function originText(origin: NodeRecord | BodyInput): string {
  return isBodyInput(origin) ? origin.what : `${origin.definition.name}(...)`;
}

/** The error for a value that is wanted before it is known. */
export function placeholderUsed(source: Source, how: string): HeddleError {
  return new HeddleError(
    'PLACEHOLDER_USED',
    `${describeSource(source)} is not known while the graph is built, and ${how}`,
    {
      hint: "pass it on as it is: into another task's parameters, or into a sh`...` template; what depends on its value belongs into a task",
    },
  );
}

/** The error for what was made while another graph was built, or inside of a body that is over. */
export function foreign(origin: NodeRecord | BodyInput): HeddleError {
  const { inside } = origin.recorder;
  const what = isBodyInput(origin) ? `the ${origin.what}` : `a handle of '${origin.definition.name}'`;
  if (inside !== undefined)
    return new HeddleError('GRAPH_INVALID', `${what} is used outside of the ${inside} it belongs to`, {
      hint: `return from the ${inside} what is needed outside`,
    });
  return new HeddleError('GRAPH_INVALID', `${what} belongs to another graph`, {
    hint: 'call the task inside this workflow; handles are of the build that made them',
  });
}

type Throwing = () => never;

/** Members that JavaScript calls by itself when it wants a plain value. */
const GUARDS: readonly (readonly [string | symbol, string])[] = [
  [Symbol.toPrimitive, 'is compared, calculated with or made into text'],
  [Symbol.iterator, 'is spread or iterated over'],
  [Symbol.asyncIterator, 'is iterated over'],
  ['toJSON', 'is made into JSON'],
];

const guardText: ReadonlyMap<string | symbol, string> = new Map(GUARDS);

/** Puts members on a prototype that throw when JavaScript asks a placeholder for a plain value. */
export function guardPrototype(prototype: { readonly [SOURCE]: Source }): void {
  for (const [key, how] of GUARDS) {
    Object.defineProperty(prototype, key, {
      value: function refuse(this: { readonly [SOURCE]: Source }): never {
        throw placeholderUsed(this[SOURCE], how);
      },
    });
  }
}

/** A placeholder without parts: for files and texts. */
class LeafPart {
  readonly [SOURCE]: Source;

  constructor(source: Source) {
    this[SOURCE] = source;
    Object.freeze(this);
  }

  static {
    guardPrototype(LeafPart.prototype);
  }
}

/** Makes the placeholder of a file or a text. */
export function leafPart<T>(source: Source): Placeholder<T> {
  return new LeafPart(source) as unknown as Placeholder<T>;
}

/** Array indices are numbers in a ref: `'0'` is one, `'01'` is a key. */
const INDEX = /^(?:0|[1-9]\d{0,15})$/;

/** What a part has beside the parts of its value, by name. */
export type Members = Readonly<Record<string, unknown>>;

const MEMBERS: unique symbol = Symbol('heddle.members');

type Target = Throwing & {
  readonly [SOURCE]: Source;
  readonly [MEMBERS]?: Members;
};

const traps: ProxyHandler<Target> = {
  get(target, key) {
    const source = target[SOURCE];
    if (key === SOURCE) return source;
    const members = target[MEMBERS];
    if (members !== undefined && typeof key === 'string' && Object.hasOwn(members, key)) return members[key];
    const how = guardText.get(key);
    if (how !== undefined) {
      return () => {
        throw placeholderUsed(source, how);
      };
    }
    // `then` must not be there, or every await would take the placeholder for a promise.
    if (typeof key === 'symbol' || key === 'then') return undefined;
    return jsonPart({ origin: source.origin, path: [...source.path, INDEX.test(key) ? Number(key) : key] });
  },
  apply(target) {
    const { origin, path } = target[SOURCE];
    throw placeholderUsed({ origin, path: path.slice(0, -1) }, `its '${String(path.at(-1))}' is called`);
  },
  has(target, key) {
    if (key === SOURCE) return true;
    throw placeholderUsed(target[SOURCE], `is asked for '${String(key)}' with 'in'`);
  },
  ownKeys(target) {
    throw placeholderUsed(target[SOURCE], 'is spread or its keys are listed');
  },
  set(target) {
    throw placeholderUsed(target[SOURCE], 'is changed');
  },
  deleteProperty(target) {
    throw placeholderUsed(target[SOURCE], 'is changed');
  },
  getPrototypeOf() {
    return null;
  },
};

/** Makes a placeholder whose parts can be taken at any depth; `members` stand before parts of the same name. */
export function jsonPart<T>(source: Source, members?: Members): Part<T> {
  // A function, so that a call of what is no function yet can be answered with the mend.
  const own = { [SOURCE]: source, ...(members === undefined ? {} : { [MEMBERS]: members }) };
  const target: Target = Object.assign((() => undefined) as unknown as Throwing, own);
  return new Proxy(target, traps) as unknown as Part<T>;
}
