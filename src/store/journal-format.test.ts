import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DETAILS_OF, STATUSES, type Transition } from '../model/index.ts';
import { packTransitions, unpackTransitions } from './journal-format.ts';

const index = fc.integer({ min: 0, max: 0xffff_ffff });
const transition: fc.Arbitrary<Transition> = fc.constantFrom(...STATUSES).chain((to) =>
  fc.record({
    job: index,
    from: fc.constantFrom(...STATUSES),
    to: fc.constant(to),
    detail: fc.constantFrom(...DETAILS_OF[to]),
    fence: index,
    at: fc.double({ noNaN: true }),
  }),
);

test('gives back what was packed, from any place on', () => {
  const places = fc.nat({ max: 30 });
  fc.assert(
    fc.property(fc.array(transition, { maxLength: 20 }), places, places, (transitions, skip, limit) => {
      const row = { run: 'r', firstSeq: 100, count: transitions.length, data: packTransitions(transitions) };

      const found = unpackTransitions(row, 99 + skip, limit);

      const expected = transitions.map((each, i) => ({ ...each, seq: 100 + i }));
      expect(found).toEqual(expected.slice(skip, skip + limit));
    }),
  );
});

test('notices any changed byte', () => {
  const packed = packTransitions([{ job: 1, from: 'pending', to: 'running', detail: 'active', fence: 1, at: 7 }]);

  for (let at = 0; at < packed.length; at += 1) {
    // The three bytes of the header that say nothing yet.
    if (at >= 1 && at <= 3) continue;
    const damaged = packed.slice();
    damaged[at] = (damaged[at] as number) ^ 0x10;
    const read = (): unknown => unpackTransitions({ run: 'r', firstSeq: 1, count: 1, data: damaged }, 0, 5);
    expect(read).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
  }
});
