import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChurningMap } from '../../../src/engine/churning-map.ts';

type Step = readonly ['set' | 'delete', number];

const steps = fc.array(fc.tuple(fc.constantFrom<Step[0]>('set', 'set', 'delete'), fc.integer({ min: 0, max: 300 })), {
  maxLength: 2000,
});

function sameAsMap<Key extends string | number>(changes: readonly Step[], keyOf: (n: number) => Key): void {
  const ours = new ChurningMap<Key, { readonly n: number }>();
  const theirs = new Map<Key, { readonly n: number }>();
  for (const [what, n] of changes) {
    const key = keyOf(n);
    const value = { n };
    if (what === 'delete') expect(ours.delete(key)).toBe(theirs.delete(key));
    else {
      ours.set(key, value);
      theirs.set(key, value);
    }
    expect(ours.get(key)).toBe(theirs.get(key));
    expect(ours.has(key)).toBe(theirs.has(key));
    expect(ours.size).toBe(theirs.size);
  }
  expect(ours.values()).toEqual([...theirs.values()]);
  expect(ours.keys()).toEqual([...theirs.keys()]);
  for (let n = 0; n <= 300; n += 1) expect(ours.get(keyOf(n))).toBe(theirs.get(keyOf(n)));
}

describe('ChurningMap', () => {
  it('says of numbers what a Map says, in the same order', () => {
    fc.assert(fc.property(steps, (changes) => sameAsMap(changes, (n) => n)));
  });

  it('says the same where keys are large, far apart and often in the same place', () => {
    fc.assert(fc.property(steps, (changes) => sameAsMap(changes, (n) => n * 0x1000000)));
  });

  it('says of texts what a Map says, in the same order', () => {
    fc.assert(fc.property(steps, (changes) => sameAsMap(changes, (n) => `a-${n.toString(36)}`)));
  });

  it('says the same of texts that end alike', () => {
    fc.assert(fc.property(steps, (changes) => sameAsMap(changes, (n) => `${n}-the same ending`)));
  });
});
