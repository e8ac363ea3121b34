/* oxlint-disable no-eval, typescript/no-implied-eval -- what was evaluated is described too */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeFunction, task } from './described.ts';
import anonymous, { helper } from './helper.ts';

/** Every way to write a function, with what it closes over. Run as a program it says how each of them travels. */
const rate: number = 3;

export function exported(x: number): number {
  return x * rate;
}
function listed(x: number): number {
  return x + rate;
}
export { listed as renamed };
export const arrow = (x: number): number => x - rate;

const makeScale =
  (factor: number) =>
  (x: number): number =>
    x * factor;
export const triple: (x: number) => number = makeScale(3);
const quadruple = makeScale(4);

const pure = (x: number): number => x * 2;
const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));
function fibonacci(n: number): number {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}
function* counts(n: number): Generator<number> {
  for (let i = 0; i < n; i += 1) yield i;
}
const object = {
  *generator(n: number): Generator<number> {
    yield n;
  },
  async structuredClone(x: number): Promise<number> {
    return structuredClone(x);
  },
  ['computed' + rate]: (x: number): number => x,
  get getter(): number {
    return this.getter;
  },
};
class Sample extends Date {
  static fixed(x: number): number {
    return x + 1;
  }
  static lexical = (): unknown => this;
  #secret = 1;
  reveal(): number {
    return this.#secret;
  }
  inherited(): string {
    return super.toString();
  }
}
const registered: (x: number) => number = task('registered', (x: number) => x + rate);

export const functions: Readonly<Record<string, unknown>> = {
  exported,
  listed,
  arrow,
  anonymous,
  triple,
  quadruple,
  helper,
  registered,
  pure,
  factorial,
  fibonacci,
  counts,
  generator: object.generator,
  hidesGlobal: object.structuredClone,
  computed: object['computed3'],
  fixed: Sample.fixed,
  typeofGlobal: () => typeof document === 'undefined',
  destructured: ({ a, b: [c = 1] = [], ...rest }: { a?: number; b?: number[] }) => ({ a, c, rest }),
  builtinImport: async () => (await import('node:path')).sep,
  max: Math.max,
  structuredClone,
  join,
  readFile,
  evaluated: (0, eval)('(x) => x + 1'),
  constructed: new Function('x', 'return x * 2'),
  usesVariable: (x: number) => x * rate,
  usesLater: (x: number) => x * later,
  usesImport: () => helper(),
  usesTwo: (x: number) => x * rate * later * pure(1) * factorial(2),
  usesGlobalOfOurs: () => (globalThis as { mine?: number }).mine ?? mine,
  evaluatedHere: eval('(x) => x * rate'),
  lexicalThis: Sample.lexical,
  privateName: Sample.prototype.reveal,
  superName: Sample.prototype.inherited,
  importMeta: () => import.meta.url,
  relativeImport: async () => import('./helper.ts'),
  directEval: (text: string) => eval(text),
  bound: pure.bind(undefined),
  class: Sample,
  proxy: new Proxy(pure, {}),
};

declare const mine: number;
declare const document: unknown;
const early = import.meta.main ? describeAll() : {};
const later = 5;

function describeAll(): Record<string, unknown> {
  Object.assign(globalThis, { mine: 1 });
  const described = Object.entries(functions).map(([name, fn]) => [name, describeFunction(fn as () => unknown)]);
  return Object.fromEntries(described) as Record<string, unknown>;
}

if (import.meta.main) console.log(JSON.stringify({ early, late: describeAll() }));
