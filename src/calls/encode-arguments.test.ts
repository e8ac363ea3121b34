import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type CallPayload, HeddleError, type Json, type Ref, resolveWork, type Value } from '../model/index.ts';
import { encodeArguments, encodeValue } from './index.ts';

/** As the handle of a job is: something that must be asked for its place before anything else is done to it. */
class Handle {
  readonly #place: Ref;

  constructor(...place: Ref['$ref']) {
    this.#place = { $ref: place };
  }

  static placeOf(value: object): Ref | undefined {
    return value instanceof Handle ? value.#place : undefined;
  }
}

function encode(...args: readonly unknown[]): readonly (Json | Ref)[] {
  return encodeArguments(args, (value) => Handle.placeOf(value));
}

/** What a backend is given of a payload. */
function resolve(args: readonly (Json | Ref)[], values: readonly unknown[] = []): readonly unknown[] {
  const payload: CallPayload = { call: { kind: 'global', name: 'Math.max' }, args };
  const stored: readonly Value[] = values.map((value) => encodeValue(value));
  const work = resolveWork({
    kind: 'call',
    payload: JSON.stringify(payload),
    environment: undefined,
    value: (node) => stored[node],
  });
  if (work.kind !== 'call') throw new Error('not a call');
  return work.args;
}

const data = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withSparseArray: true,
  withNullPrototype: false,
  key: fc.oneof(fc.string(), fc.constantFrom('$ref', '$object', '$v8', '$map', '$set', '$file', '__proto__')),
});

test('arguments arrive as they were given', () => {
  fc.assert(fc.property(fc.array(data), (args) => isDeepStrictEqual(resolve(encode(...args)), args)));
});

/** The same data with places in it, and what it is once they are known. */
const withPlaces = fc.letrec<{ node: readonly [unknown, unknown] }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    fc.nat(2).map((node) => [new Handle(node, 'v'), values[node]?.v] as const),
    fc.oneof(fc.integer(), fc.string(), fc.constantFrom(undefined, -0, 1n)).map((value) => [value, value] as const),
    fc.date({ noInvalidDate: true }).map((value) => [value, value] as const),
    fc.array(tie('node')).map((pairs) => [pairs.map(([a]) => a), pairs.map(([, b]) => b)] as const),
    fc
      .array(fc.tuple(fc.oneof(fc.string(), fc.constantFrom('$ref', '$x')), tie('node')))
      .map(
        (entries) =>
          [
            Object.fromEntries(entries.map(([key, [a]]) => [key, a])),
            Object.fromEntries(entries.map(([key, [, b]]) => [key, b])),
          ] as const,
      ),
    fc
      .uniqueArray(fc.tuple(fc.string(), tie('node')), { selector: ([key]) => key })
      .map(
        (entries) =>
          [new Map(entries.map(([key, [a]]) => [key, a])), new Map(entries.map(([key, [, b]]) => [key, b]))] as const,
      ),
  ),
}));
const values = [{ v: 1.5 }, { v: 'text' }, { v: new Map([['m', new Date(0)]]) }] as const;

test('jobs at any depth of lists, objects and maps become their values', () => {
  fc.assert(
    fc.property(withPlaces.node, ([given, wanted]) => isDeepStrictEqual(resolve(encode(given), values), [wanted])),
  );
});

test('a job in a set, and as the key of a map', () => {
  const args = encode(new Set([1, new Handle(0)]), new Map([[new Handle(0), 'value']]));

  expect(args).toEqual([{ $set: [1, { $ref: [0] }] }, { $map: [[{ $ref: [0] }, 'value']] }]);
  expect(resolve(args, ['key'])).toEqual([new Set([1, 'key']), new Map([['key', 'value']])]);
});

test('parts of a value that is more than JSON can be taken', () => {
  expect(resolve([{ $ref: [0, 'rows', 1, 'at'] }], [{ rows: [0, { at: new Date(5) }] }])).toEqual([new Date(5)]);
  expect(() => resolve([{ $ref: [0, 'a', 'b'] }], [{ a: 1n }])).toThrow("task number 0.a is 1, and has no 'b'");
});

test('what is shared or goes round in an argument without jobs is so when it arrives', () => {
  const shared = { n: 1 };
  const ring: unknown[] = [];
  ring.push(ring);

  const [[a, b], round] = resolve(encode([shared, shared], ring)) as [[object, object], unknown[]];

  expect(a).toBe(b);
  expect(round[0]).toBe(round);
});

test('keys of ours in data of the user stay data', () => {
  const mine = { $ref: [0], a: { $v8: 'AAAA' } };

  expect(encode(mine)).toEqual([
    {
      $object: [
        ['$ref', [0]],
        ['a', { $object: [['$v8', 'AAAA']] }],
      ],
    },
  ]);
  expect(resolve(encode(mine))).toEqual([mine]);
});

class Box {
  readonly content: unknown;

  constructor(content: unknown) {
    this.content = content;
  }
}

const ringWithJob: unknown[] = [new Handle(0)];
ringWithJob.push(ringWithJob);

test.each<[string, unknown]>([
  ['argument 2 is a Box that holds a job', new Box([new Handle(0)])],
  ['argument 2[1] holds itself, and a job beside', ringWithJob],
  ["argument 2.a.b is a function ('b')", { a: { b() {} } }],
  ["argument 2.a.c is a function ('c')", { a: { j: new Handle(0), c() {} } }],
])('refuses, saying: %s', (message, argument) => {
  expect(() => encode(1, argument)).toThrow(HeddleError);
  expect(() => encode(1, argument)).toThrow(message);
});

test('a module below the project is found wherever the project lies', () => {
  const work = resolveWork(
    {
      kind: 'call',
      payload: JSON.stringify({ call: { kind: 'module', module: './lib/a b.ts', name: 'f' }, args: [], stream: true }),
      environment: { A: '1' },
      value: () => undefined,
    },
    '/projects/me',
  );

  expect(work).toEqual({
    kind: 'call',
    call: { kind: 'module', module: 'file:///projects/me/lib/a%20b.ts', name: 'f' },
    args: [],
    stream: true,
    environment: { A: '1' },
  });
});
