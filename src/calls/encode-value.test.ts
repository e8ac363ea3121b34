import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HeddleError } from '../model/index.ts';
import { decodeValue, encodeValue } from './index.ts';

const codecOf = (value: unknown): string => encodeValue(value).codec;

test('what JSON gives back exactly is JSON text', () => {
  for (const value of [null, true, 0, -1.5, '', 'ü\ud800', [], {}, [1, [2]], { a: { b: ['c'] } }, Object.create(null)])
    expect(codecOf(value)).toBe('json');
});

test('what JSON would change is carried by structured clone', () => {
  const shared = {};
  const circular: unknown[] = [];
  circular.push(circular);
  class Point {
    readonly x = 1;
  }
  const holes: number[] = [1];
  holes[2] = 3;
  const changed = [
    ...[undefined, -0, Number.NaN, Infinity, 1n, new Date(0), new Map(), new Set(), /a/, new Error('e'), Buffer.of(1)],
    ...[[undefined], { a: undefined }, [-0], { a: { b: Number.NaN } }, holes, /b/.exec('abc'), new Point()],
    ...[{ [Symbol('s')]: 1 }, [shared, shared], circular, new Float64Array(2), new String('s')],
  ];

  for (const value of changed) expect(codecOf(value)).toBe('v8');
  expect(decodeValue(encodeValue(holes))).toEqual([1, undefined, 3]);
  expect(1 in (decodeValue(encodeValue(holes)) as object)).toBe(false);
  expect(decodeValue(encodeValue(-0))).toBe(-0);
});

test('a value that was encoded and decoded is the same value', () => {
  const values = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withSparseArray: true,
    withNullPrototype: false,
  });

  fc.assert(fc.property(values, (value) => isDeepStrictEqual(decodeValue(encodeValue(value)), value)));
});

test('JSON text is used exactly when it gives the same value back', () => {
  fc.assert(
    fc.property(fc.anything({ withNullPrototype: false, withSparseArray: true }), (value) => {
      const text = JSON.stringify(value);
      const exact = text !== undefined && isDeepStrictEqual(JSON.parse(text), value);
      // What is there twice is told twice by JSON, and is equal then: only identity shows it.
      fc.pre(!exact || codecOf(value) === 'json' || text.includes('{}') || text.includes('[]'));
      expect(codecOf(value)).toBe(exact ? 'json' : 'v8');
    }),
  );
});

test('what is there twice is there once when it comes back, and what holds itself holds itself', () => {
  const shared = { n: 1 };
  const circular: { self?: unknown } = {};
  circular.self = circular;

  const [a, b] = decodeValue(encodeValue([shared, shared])) as [object, object];
  const back = decodeValue(encodeValue(circular)) as { self: unknown };

  expect(a).toBe(b);
  expect(back.self).toBe(back);
});

test('decoding twice gives two values that share nothing', () => {
  const stored = encodeValue(new Float64Array([1, 2]));

  const first = decodeValue(stored) as Float64Array;
  first[0] = 9;

  expect(decodeValue(stored)).toEqual(new Float64Array([1, 2]));
});

const throwing = {
  get size(): number {
    throw new Error('gone');
  },
};

const refused: readonly (readonly [message: string, value: unknown])[] = [
  ['result is a function', () => 1],
  ["result.rows[3].callback is a function ('callback')", { rows: [0, 1, 2, { callback() {} }] }],
  ['result["a b"] is a symbol', { 'a b': Symbol('x') }],
  ['result.get("key") is a promise: await it', new Map([['key', Promise.resolve()]])],
  ['result[0].values(1) is a WeakMap', [new Set([1, new WeakMap()])]],
  ['result.p is a proxy', { p: new Proxy({ n: 1n }, {}) }],
  ['result is a generator: gather what it yields into a list', (function* () {})()],
  ['result.throwing.size has a getter that throws: gone', { throwing }],
  // v8 would make an empty object of these, and say nothing.
  ['result[1] is a URL: pass its href', [undefined, new URL('http://localhost')]],
  ['result.signal is an AbortSignal', { signal: new AbortController().signal }],
  ['result is a Blob: pass its bytes', new Blob([])],
];

test.each(refused)('refuses, saying: %s', (message, value) => {
  const error = thrownBy(() => encodeValue(value));

  expect(error).toMatchObject({ code: 'VALUE_INVALID', message });
});

test('a list that is nearly all holes costs what is in it', () => {
  const list: number[] = [];
  list[4_000_000_000] = 1;

  const copy = decodeValue(encodeValue(list)) as number[];

  expect([copy.length, copy[4_000_000_000]]).toEqual([4_000_000_001, 1]);
});

test('data nested without end is refused, not a crash', () => {
  let deep: unknown = 0;
  for (let i = 0; i < 100_000; i += 1) deep = [deep];

  expect(() => encodeValue(deep)).toThrow(HeddleError);
});

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}
