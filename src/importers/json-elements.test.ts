import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HeddleError, type Json } from '../model/index.ts';
import { streamElements } from './json-elements.ts';

const refuse = (place: string, problem: string): HeddleError =>
  new HeddleError('TRACE_INVALID', `${place}: ${problem}`);

async function split(
  text: string | Uint8Array,
  cuts: readonly number[] = [],
): Promise<{ readonly elements: unknown[]; readonly others: unknown[]; readonly rest: Json }> {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  const elements: unknown[] = [];
  const others: unknown[] = [];
  const rest = await streamElements(
    places.slice(1).map((end, i) => bytes.subarray(places[i], end)),
    {
      lists: {
        'a.list': (element, index) => {
          expect(index).toBe(elements.length);
          elements.push(element);
        },
        'a.other': (element) => others.push(element),
      },
      refuse,
    },
  );
  return { elements, others, rest };
}

test('any JSON, cut anywhere, is what JSON.parse says it is', async () => {
  const value = fc.jsonValue() as fc.Arbitrary<Json>;
  await fc.assert(
    fc.asyncProperty(
      fc.array(value, { maxLength: 8 }),
      fc.array(value, { maxLength: 3 }),
      value,
      fc.record({ cuts: fc.array(fc.nat(), { maxLength: 8 }), indent: fc.constantFrom(0, 1, 4) }),
      async (list, other, outside, { cuts, indent }) => {
        const whole = {
          before: outside,
          list: [1],
          a: { list, 'x"y': [outside, { list: [2] }], other },
          deep: { a: { list: [outside] } },
        };
        const { elements, others, rest } = await split(JSON.stringify(whole, null, indent), cuts);

        const plain = JSON.parse(JSON.stringify(whole)) as typeof whole;
        expect(elements).toEqual(plain.a.list);
        expect(others).toEqual(plain.a.other);
        expect(rest).toEqual({ ...plain, a: { ...plain.a, list: [], other: [] } });
      },
    ),
    { numRuns: 300 },
  );
});

test('keys are data: __proto__ too', async () => {
  const { elements } = await split('{"a":{"list":[{"__proto__":{"polluted":1}}]}}');

  expect(Object.hasOwn(elements[0] as object, '__proto__')).toBe(true);
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
});

test('an error is where JSON.parse would see it, wherever the text is cut', async () => {
  const good = JSON.stringify({ n: 'ä', a: { list: [{ x: [1, 'ü'] }, 2, 'three'], other: [] }, z: null }, null, 2);
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: good.length - 1 }),
      fc.constantFrom('', '}', ']', ',', '"', ':', 'x', '\u0000'),
      fc.array(fc.nat(), { maxLength: 4 }),
      async (at, put, cuts) => {
        const bad = good.slice(0, at) + put + good.slice(at + 1);
        let valid = true;
        try {
          JSON.parse(bad);
        } catch {
          valid = false;
        }

        if (valid) await split(bad, cuts);
        else
          await expect(split(bad, cuts)).rejects.toMatchObject({
            code: 'TRACE_INVALID',
            message: expect.stringMatching(/^line \d+ \(byte \d+\): /),
          });
      },
    ),
    { numRuns: 500 },
  );
});

test.each([
  ['{"a":{"list":[1,\n2,,3]}}', "line 2 (byte 19): ',' where element of a list belongs"],
  ['{"a":{"list":[1,\n{"x":tru}]}}', 'line 2 (byte 25): unexpected token'],
  ['{"a":{"list":["ä",\n2]\n},"z":tru}', 'line 3 (byte 32): unexpected token'],
  ['{"a":{"list":[1 2]}}', "line 1 (byte 16): '2' where comma or end"],
  ['{"a":{"list":[1,]}}', "line 1 (byte 16): ']' where element"],
  ['{"a":{"list":[1', 'it ends too early'],
  ['{"a":{"list":[{"x":', 'it ends too early'],
  ['{"a":{"list":[1]', 'line 1 (byte 16): it ends too early'],
  ['{"a":{"list":[],"list":[]}}', "line 1 (byte 23): 'a.list' is there twice"],
  ['', 'line 1 (byte 0): it ends too early'],
  ['{} {}', 'line 1 (byte 3): unexpected non-whitespace'],
])('refuses %j', async (text, message) => {
  await expect(split(text)).rejects.toMatchObject({ message: expect.stringContaining(message) });
});

test('refuses what is no UTF-8', async () => {
  await expect(
    split(Uint8Array.of(...Buffer.from('{"a":{"list":["'), 0xff, 0x22, 0x5d, 0x7d, 0x7d)),
  ).rejects.toMatchObject({
    message: 'line 1 (byte 14): what begins here is no UTF-8',
  });
});
