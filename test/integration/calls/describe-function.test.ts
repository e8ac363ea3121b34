import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { describeFunction, loadFunction } from '../../../src/calls/index.ts';
import type { CallReference } from '../../../src/model/index.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { helper } from './helper.ts';

const here = import.meta.dirname;
const program = pathToFileURL(join(here, 'module.entry.ts')).href;
const helperUrl = pathToFileURL(join(here, 'helper.ts')).href;

/** Runs a program in a process of its own and reads what it prints. */
function run(...args: readonly string[]): unknown {
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

const exported = (name: string, module = program): object => ({ kind: 'module', module, name });
const bySource = (source: string): object => ({ kind: 'source', source });
const byName = (name: string): object => ({ kind: 'global', name });

/** Types become blanks before a function is seen: texts are compared without runs of blanks. */
function squeezed(described: unknown): unknown {
  return JSON.parse(JSON.stringify(described).replaceAll(/(?:\\n| )+/g, ' '));
}

const TRAVELLING: Readonly<Record<string, object>> = {
  exported: exported('exported'),
  listed: exported('renamed'),
  arrow: exported('arrow'),
  anonymous: exported('default', helperUrl),
  triple: exported('triple'),
  helper: exported('helper', helperUrl),
  registered: { ...exported('registered'), task: true },
  pure: bySource('(x ) => x * 2'),
  factorial: bySource('(() => { const factorial = (n ) => (n < 2 ? 1 : n * factorial(n - 1)); return factorial; })()'),
  fibonacci: bySource('function fibonacci(n ) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }'),
  counts: bySource('function* counts(n ) { for (let i = 0; i < n; i += 1) yield i; }'),
  generator: bySource('({ *["generator"](n ) { yield n; } })["generator"]'),
  hidesGlobal: bySource('({ async ["structuredClone"](x ) { return structuredClone(x); } })["structuredClone"]'),
  computed: bySource('(x ) => x'),
  fixed: bySource('({ ["fixed"](x ) { return x + 1; } })["fixed"]'),
  typeofGlobal: bySource("() => typeof document === 'undefined'"),
  destructured: bySource('({ a, b: [c = 1] = [], ...rest } ) => ({ a, c, rest })'),
  builtinImport: bySource("async () => (await import('node:path')).sep"),
  max: byName('Math.max'),
  structuredClone: byName('structuredClone'),
  join: exported('join', 'node:path'),
  readFile: exported('readFile', 'node:fs/promises'),
  evaluated: bySource('(x) => x + 1'),
  constructed: bySource('function anonymous(x ) { return x * 2 }'),
};

const EXPORT_OR_PASS = "export it from its module, or pass 'rate' as an argument";
const CALLS_IT = 'export a function that calls it, and is given what it needs';

/** The variable that is named, where there is one; why; the mend. */
const STAYING: Readonly<Record<string, readonly [variable: string | undefined, why: string, hint: string]>> = {
  quadruple: [
    'factor',
    "closes over 'factor'",
    "pass 'factor' as an argument, or make it an exported function of its module",
  ],
  usesVariable: ['rate', "closes over 'rate'", EXPORT_OR_PASS],
  usesLater: ['later', "closes over 'later'", "export it from its module, or pass 'later' as an argument"],
  usesImport: ['helper', "closes over 'helper'", 'export it from its module: what that imports comes with it'],
  usesTwo: ['rate', "closes over 'rate', 'later', 'pure' and 1 more", EXPORT_OR_PASS],
  usesGlobalOfOurs: ['mine', "uses 'mine', which only this process has", "pass 'mine' as an argument"],
  evaluatedHere: ['rate', "uses 'rate', which only this process has", "pass 'rate' as an argument"],
  lexicalThis: [undefined, "uses 'this' of what is around it", CALLS_IT],
  privateName: [undefined, "uses the private '#secret'", CALLS_IT],
  superName: [undefined, "uses 'super'", CALLS_IT],
  importMeta: [undefined, "uses 'import.meta'", 'pass what it needs of it as an argument'],
  relativeImport: [
    undefined,
    "imports './helper.ts', which is looked up from where it stands",
    'export it from its module',
  ],
  directEval: [undefined, "uses 'eval', which reaches all there is", CALLS_IT],
  bound: [undefined, 'is bound, and what it is bound to stays here', 'export a function that calls it'],
  class: [undefined, 'is a class', 'export a function that makes one and uses it'],
  proxy: [undefined, 'is a proxy', 'pass the function itself'],
};

const EXPECTED: Readonly<Record<string, object>> = {
  ...Object.fromEntries(
    Object.entries(TRAVELLING).map(([name, reference]) => [
      name,
      { travels: true, isGenerator: name === 'counts' || name === 'generator', reference },
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(STAYING).map(([name, [variable, why, hint]]) => [
      name,
      { travels: false, isGenerator: false, ...(variable === undefined ? {} : { variable }), why, hint },
    ]),
  ),
};

interface Told {
  readonly early: Readonly<Record<string, unknown>>;
  readonly late: Readonly<Record<string, { readonly reference: CallReference }>>;
}

let described: Told;

beforeAll(() => {
  described = run(join(here, 'module.entry.ts')) as Told;
});

test('of every way to write a function it is known how it travels, or what keeps it; while its module runs and after', () => {
  const { early, late } = described;

  expect(squeezed(late)).toEqual(EXPECTED);
  expect(early).toEqual(late);
});

test('in a worker thread it is the same', () => {
  const { late } = run(
    '--input-type=module',
    '-e',
    `import { Worker } from 'node:worker_threads';
     new Worker(\`const { describeFunction } = await import('${pathToFileURL(join(here, 'described.ts')).href}');
       const { functions } = await import('${program}');
       const late = Object.fromEntries(Object.entries(functions).map(([name, fn]) => [name, describeFunction(fn)]));
       (await import('node:worker_threads')).parentPort.postMessage({ late })\`, { eval: true, execArgv: ['--input-type=module'] })
       .on('message', (told) => console.log(JSON.stringify(told)));`,
  ) as { late: object };

  // Nobody made a global of that name there, and `import.meta.main` of this program is false.
  expect(squeezed(late)).toEqual(EXPECTED);
});

test('a CommonJS module is asked what it exports', async () => {
  const folder = ownFolder('calls');
  const file = join(folder, 'module.cjs');
  writeFileSync(
    file,
    `
    const { describeFunction } = require('${join(here, 'described.ts')}');
    const rate = 3;
    exports.scale = (x) => x * rate;
    const hidden = (x) => x + rate;
    const needs = () => require('node:path').sep;
    console.log(JSON.stringify([exports.scale, hidden, needs].map((fn) => describeFunction(fn))));`,
  );

  const [scale, hidden, needs] = run(file) as readonly object[];

  expect(scale).toMatchObject({ reference: { kind: 'module', module: pathToFileURL(file).href, name: 'scale' } });
  expect(hidden).toMatchObject({ travels: false, variable: 'rate' });
  expect(needs).toMatchObject({ travels: false, variable: 'require' });
  await giveBack(folder);
});

test.each(['module', 'commonjs'])('what was typed on the command line can only go by its text: %s', (type) => {
  const told = run(
    `--input-type=${type}`,
    '-e',
    `const { describeFunction } = process.getBuiltinModule('module').createRequire('${here}/x.js')('./described.ts');
     const rate = 3;
     console.log(JSON.stringify([(x) => x + 1, (x) => x * rate].map((fn) => describeFunction(fn))));`,
  );

  expect(told).toEqual([
    { travels: true, isGenerator: false, reference: { kind: 'source', source: '(x) => x + 1' } },
    {
      travels: false,
      isGenerator: false,
      variable: 'rate',
      why: "closes over 'rate'",
      hint: "pass 'rate' as an argument, or put it into a file and export it",
    },
  ]);
});

test('without an inspector the text alone decides', () => {
  const told = run(
    '--permission',
    '--allow-fs-read=*',
    '--input-type=module',
    '-e',
    `import { describeFunction } from '${pathToFileURL(join(here, 'described.ts')).href}';
     const rate = 3;
     const object = { async method(x) { return x; } };
     console.log(JSON.stringify([(x) => x + 1, (x) => x * rate, object.method].map((fn) => describeFunction(fn))));`,
  );

  expect(told).toMatchObject([{ travels: true }, { travels: false, variable: 'rate' }, { travels: true }]);
});

test('what a compiler puts around functions to keep their names comes along', async () => {
  const folder = ownFolder('compiled');
  writeFileSync(join(folder, 'compiled.tsx'), 'const what: is = <compiled />;');
  // As esbuild compiles for loaders: a helper at the top, called inside of every function that has one in it.
  const compiled = `
    var __name = (target, value) => Object.defineProperty(target, 'name', { value, configurable: true });
    const { describeFunction } = await import('${pathToFileURL(join(here, 'described.ts')).href}');
    const make = /* @__PURE__ */ __name((n) => { const inner = /* @__PURE__ */ __name((x) => x * 2, 'inner'); return inner(n); }, 'make');
    console.log(JSON.stringify(describeFunction(make)));`;

  const told = run(
    '--input-type=module',
    '-e',
    `import { registerHooks } from 'node:module';
     registerHooks({ load: (url, context, next) => url.endsWith('compiled.tsx')
       ? { format: 'module', source: ${JSON.stringify(compiled)}, shortCircuit: true } : next(url, context) });
     await import('${pathToFileURL(join(folder, 'compiled.tsx')).href}');`,
  ) as { readonly reference: CallReference };

  const { reference } = told;
  expect(reference).toMatchObject({ kind: 'source', source: expect.stringContaining('const __name = ') });
  expect((loadFunction(reference, { project: here }) as (n: number) => number)(21)).toBe(42);
  await giveBack(folder);
});

const local = (x: number): number => x + 1;

test('inside of a test runner, which wraps modules into functions, exports are exports still', () => {
  expect(describeFunction(helper)).toMatchObject({ reference: exported('helper', helperUrl) });
  expect(describeFunction(local)).toMatchObject({ reference: { kind: 'source' } });
  expect(describeFunction(() => helper())).toMatchObject({ travels: false, variable: 'helper' });
});

test('functions made by one text are told apart', () => {
  const makers = [1, 2].map((n) => () => n);

  for (const maker of makers) expect(describeFunction(maker)).toMatchObject({ travels: false, variable: 'n' });
});

const samples: [name: string, args?: readonly unknown[]][] = [
  ['factorial', [5]],
  ['fibonacci', [10]],
  ['hidesGlobal', [4]],
  ['fixed', [1]],
  ['typeofGlobal'],
  ['destructured', [{ a: 1, b: [], d: 2 }]],
  ['max', [3, 9, 2]],
  ['join', ['a', '..', 'b']],
  ['triple', [4]],
  ['listed', [4]],
  ['registered', [4]],
  ['constructed', [4]],
];

test.each(samples)('what is loaded by its reference does what the function does: %s', async (name, args = []) => {
  const { functions } = (await import(program)) as { functions: Record<string, (...args: unknown[]) => unknown> };
  const { reference } = described.late[name] as { readonly reference: CallReference };

  const loaded = await loadFunction(reference, { project: here });

  expect(await loaded(...args)).toEqual(await functions[name]?.(...args));
});

test("a function that is loaded by its text may import what is Node's own, without a warning", () => {
  const printed = spawnSync(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { loadFunction } from '${pathToFileURL(join(here, '../../../src/calls/index.ts')).href}';
       const separator = await loadFunction(${JSON.stringify(TRAVELLING['builtinImport'])}, { project: '/' });
       console.log(await separator());`,
    ],
    { encoding: 'utf8' },
  );

  expect(printed).toMatchObject({ stdout: '/\n', stderr: '' });
});
