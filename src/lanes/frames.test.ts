import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeFrame, FrameReader, PREAMBLE } from './frames.ts';

/** Cuts bytes at these places. */
function cut(bytes: Buffer, places: readonly number[]): readonly Buffer[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
  return at.slice(1).map((end, i) => Buffer.from(bytes.subarray(at[i], end)));
}

const message = fc.record({ kind: fc.string(), chunk: fc.uint8Array({ maxLength: 64 }), at: fc.double() });

test('lists come out as they went in, however the bytes are cut, whatever was said before', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(message, { maxLength: 4 }), { maxLength: 6 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      fc.string(),
      (lists, places, banner) => {
        const bytes = Buffer.concat([Buffer.from(banner), PREAMBLE, ...lists.map(encodeFrame)]);
        const reader = new FrameReader<unknown>(PREAMBLE);

        const read = cut(bytes, places).flatMap((chunk) => reader.read(chunk));

        expect(read).toEqual(lists);
        expect(reader.isWithin).toBe(false);
      },
    ),
  );
});

test('text that got between is refused, not waited for', () => {
  const reader = new FrameReader<unknown>();

  expect(() => reader.read(Buffer.from('Segmentation fault\n'))).toThrow(RangeError);
});

test('what can not be copied is refused before anything is written', () => {
  expect(() => encodeFrame([{ value: () => 1 }])).toThrow('could not be cloned');
});
