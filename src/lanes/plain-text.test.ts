import fc from 'fast-check';
import { expect, test } from 'vitest';
import { asAttemptId } from '../model/index.ts';
import { type OnPort, PackerToWorker, packFromWorker, UnpackerInWorker, unpackFromWorker } from './plain-text.ts';
import type { FromWorker, ToWorker } from './protocol.ts';

function start(args: readonly unknown[]): ToWorker {
  return {
    kind: 'start',
    attempt: asAttemptId('a-1'),
    fence: 1,
    call: { reference: { kind: 'global', name: 'Math.max' }, args, run: 'r-1', job: 'j', directory: '' },
    limits: { graceMs: 0, outputBytes: 1, valueBytes: 1 },
    slot: 0,
  };
}

/** A host and its worker, with a port between them. */
function pair(): (messages: readonly ToWorker[]) => readonly ToWorker[] {
  const packer = new PackerToWorker();
  const unpacker = new UnpackerInWorker();
  return (messages) => unpacker.unpack(structuredClone(packer.pack(messages)));
}

function postToHost(packed: OnPort<FromWorker>): readonly FromWorker[] {
  return unpackFromWorker(structuredClone(packed));
}

const anything = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withSparseArray: true,
});

test('what arrives is what was sent, whether it went as text or not', () => {
  fc.assert(
    fc.property(fc.array(anything, { maxLength: 4 }), (args) => {
      const sent = structuredClone(args);

      const [received] = pair()([start(sent)]);

      expect(received).toStrictEqual(start(sent));
    }),
  );
});

test.each([
  ['no arguments', [], 'string'],
  ['words and numbers', ['a', 1.5, true, null, { deep: [1, { er: '2' }] }], 'string'],
  ['minus zero', [-0], 'object'],
  ['not a number', [{ x: [Number.NaN] }], 'object'],
  ['undefined', [[undefined]], 'object'],
  ['a date', [new Date(0)], 'object'],
  ['a long text', ['x'.repeat(10_000)], 'object'],
  ['a long list', [Array.from({ length: 100 }, (_, i) => i)], 'object'],
])('%s', (_, args, type) => {
  expect(typeof new PackerToWorker().pack([start(args)])).toBe(type);
});

test('what calls have in common is good for those behind it, in this list and the next, until it changes', () => {
  const send = pair();
  const first = start(['a']) as Extract<ToWorker, { kind: 'start' }>;
  const alike: ToWorker = {
    ...first,
    attempt: asAttemptId('a-2'),
    fence: 2,
    call: { ...first.call, args: [], job: 'k', directory: '/d' },
    slot: 3,
    short: true,
  };
  const other: ToWorker = {
    ...first,
    call: { ...first.call, run: 'r-2', stream: true, environment: { NAME: 'value' } },
    limits: { ...first.limits, graceMs: 5 },
  };
  const cancel: ToWorker = { kind: 'cancel', attempt: first.attempt, graceMs: 1 };
  const date: ToWorker = { ...first, call: { ...first.call, args: [new Date(0)] } };
  const lists = [[first, cancel, alike, other], [other], [date], [other, first], [alike]];

  expect(lists.map((list) => send(list))).toStrictEqual(lists);
});

test('ends go as text but for what text is no good at', () => {
  const attempt = asAttemptId('a-1');
  const times = { startedAt: 1.25, endedAt: 2 };
  const ended = (outcome: Extract<FromWorker, { kind: 'ended' }>['outcome']): FromWorker => ({
    kind: 'ended',
    attempt,
    fence: 1,
    outcome,
  });
  const plain = [
    ended({ kind: 'ok', ...times }),
    ended({ kind: 'ok', value: { codec: 'json', json: '"ä\\u0000"' }, ...times }),
    ended({ kind: 'cancelled', by: 'user', ...times }),
  ];
  const other = ended({ kind: 'ok', value: { codec: 'v8', bytes: new Uint8Array([1]) }, ...times });

  expect(typeof packFromWorker(plain)).toBe('string');
  expect(postToHost(packFromWorker(plain))).toStrictEqual(plain);
  expect(postToHost(packFromWorker([...plain, other]))).toStrictEqual([...plain, other]);
});
