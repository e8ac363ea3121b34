import { expect, test } from 'vitest';
import { SLOT_CLAIMED, SLOT_FREE, SLOT_RECALLED, SLOT_SENT } from './protocol.ts';
import { countedSlots, recallCounted, sharedSlots } from './worker-slots.ts';

test('a shared word belongs to who is first, and is free again once its worker has passed what was taken back', () => {
  const words = new Int32Array(new SharedArrayBuffer(8));
  const slots = sharedSlots(words);
  words[0] = SLOT_SENT;
  words[1] = SLOT_RECALLED;

  const claims = [slots.claim(0), slots.claim(1)];

  expect(claims).toEqual([true, false]);
  expect([...words]).toEqual([SLOT_CLAIMED, SLOT_FREE]);
});

test('a counted call is made or taken back, whoever is first, though its message has not been read yet', () => {
  const words = new Int32Array(new SharedArrayBuffer(8));
  const slots = countedSlots(words);

  const taken = [recallCounted(words, 0), slots.claim(0)];
  const made = [slots.claim(1), recallCounted(words, 1)];

  expect(taken).toEqual([true, false]);
  expect(made).toEqual([true, false]);
});

test('calls that share a word are told apart', () => {
  const words = new Int32Array(new SharedArrayBuffer(8));
  const slots = countedSlots(words);

  const decisions = [
    slots.claim(0),
    recallCounted(words, 2),
    slots.claim(2),
    slots.claim(4),
    recallCounted(words, 4),
    recallCounted(words, 6),
    slots.claim(6),
  ];

  expect(decisions).toEqual([true, true, false, true, false, true, false]);
});

test('a slot that is used again is claimed again', () => {
  const words = new Int32Array(new SharedArrayBuffer(8));
  const slots = countedSlots(words);

  const decisions = [slots.claim(1), slots.claim(1), recallCounted(words, 0), slots.claim(0), slots.claim(0)];

  expect(decisions).toEqual([true, true, true, false, true]);
});
