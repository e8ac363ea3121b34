import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseParameters } from './parameters.ts';

test('reads JSON where it is JSON, else text', () => {
  expect(
    parseParameters([
      't=0.8',
      'n=3',
      'on=true',
      'none=null',
      'list=[1,2]',
      'map={"a":1}',
      'tag=some text',
      'path=a=b',
      'empty=',
      'id=007',
      'q="3"',
    ]),
  ).toEqual({
    t: 0.8,
    n: 3,
    on: true,
    none: null,
    list: [1, 2],
    map: { a: 1 },
    tag: 'some text',
    path: 'a=b',
    empty: '',
    id: '007',
    q: '3',
  });
});

test('keeps whole numbers that a double would change', () => {
  expect(parseParameters(['id=12345678901234567890'])).toEqual({ id: '12345678901234567890' });
});

test('reads parts of parameters', () => {
  expect(parseParameters(['box.x=1', 'box.y=2', 'box.deep.z=3'])).toEqual({ box: { x: 1, y: 2, deep: { z: 3 } } });
});

test.each([
  ['temperature', 'no key=value'],
  ['=3', 'no key=value'],
  ['a..b=3', 'empty key'],
  ['a.=3', 'empty key'],
])('refuses %j', (parameter, why) => {
  expect(() => parseParameters([parameter])).toThrow(
    expect.objectContaining({ code: 'PARAMETER_INVALID', message: expect.stringContaining(why) }),
  );
});

test.each([
  [['a=1', 'a=2'], "'a=2' is given twice"],
  [['a=1', 'a.b=2'], "a part of 'a'"],
  [['a.b=1', 'a=2'], "'a=2' is given twice"],
])('refuses %j together', (parameters, why) => {
  expect(() => parseParameters(parameters)).toThrow(
    expect.objectContaining({ code: 'PARAMETER_INVALID', message: expect.stringContaining(why) }),
  );
});

test('F44: keys are data, whatever they are', () => {
  const key = fc.oneof(fc.constantFrom('__proto__', 'constructor', 'prototype'), fc.stringMatching(/^[^.=]+$/));
  fc.assert(
    fc.property(fc.uniqueArray(key, { minLength: 1 }), (keys) => {
      const parsed = parseParameters(keys.map((name, i) => `${name}.polluted=${i}`));

      expect(Object.keys(parsed).sort()).toEqual([...keys].sort());
      expect(Object.getPrototypeOf(parsed)).toBe(Object.prototype);
      expect(({} as { polluted?: number }).polluted).toBeUndefined();
    }),
  );
});
