import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HeddleError } from '../model/index.ts';
import { reviveError, serializeError } from './index.ts';

/** Through JSON, as on a disk. */
function roundTrip(thrown: unknown): Error & { readonly code?: unknown; readonly hint?: unknown } {
  return reviveError(JSON.parse(JSON.stringify(serializeError(thrown))) as ReturnType<typeof serializeError>);
}

class OwnError extends Error {
  override readonly name = 'OwnError';
  readonly code = 'E_OWN';
}

test.each([
  new Error('plain'),
  new TypeError('type'),
  new RangeError('range'),
  new SyntaxError('syntax'),
  new OwnError('own'),
  new DOMException('aborted', 'AbortError'),
  Object.assign(new Error('system'), { code: 'ENOENT' }),
  new HeddleError('FILE_NOT_FOUND', 'there is none', { hint: 'make one' }),
  new HeddleError('MODULE_NOT_FOUND', 'of ours'),
  Object.assign(new Error('of Node'), { code: 'MODULE_NOT_FOUND' }),
  new AggregateError([new TypeError('one'), new Error('two')], 'several'),
])('%o keeps class, name, message, code and stack', (error) => {
  const back = roundTrip(error);

  const { name, message, stack } = error;
  expect({ name: back.name, message: back.message, stack: back.stack }).toEqual({ name, message, stack });
  const { code } = error as { readonly code?: unknown };
  if (typeof code === 'string') expect(back.code).toBe(code);
  expect(back).toBeInstanceOf(error instanceof OwnError ? Error : error.constructor);
  if (error instanceof AggregateError)
    expect((back as AggregateError).errors.map(String)).toEqual(error.errors.map(String));
  if (HeddleError.is(error)) expect(back.hint).toBe(error.hint);
});

test('causes are kept, to a depth', () => {
  let error = new Error('0');
  for (let i = 1; i < 100; i += 1) error = new Error(String(i), { cause: error });

  const messages: string[] = [];
  for (let at: unknown = roundTrip(error); at instanceof Error; at = at.cause) messages.push(at.message);

  expect(messages).toEqual(['99', '98', '97', '96', '95', '94', '93', '92', '91']);
});

test('an error that is its own cause ends', () => {
  const error = new Error('round');
  error.cause = error;

  expect(roundTrip(error).message).toBe('round');
});

test('texts are cut, and say so', () => {
  const { message, stack } = serializeError(new Error('x'.repeat(1_000_000)));

  expect(message).toMatch(/^x+\.\.\. \(983616 more characters\)$/);
  expect(stack?.length).toBeLessThan(20_000);
});

const hostile = {
  get name(): string {
    throw new Error('no name');
  },
  get message(): string {
    throw new Error('no message');
  },
  toString() {
    throw new Error('no text');
  },
  toJSON() {
    throw new Error('no JSON');
  },
};

test.each<[string, unknown, string]>([
  ['a text', 'just text', 'just text'],
  ['nothing', undefined, 'undefined'],
  ['data', { reason: 'x' }, '{"reason":"x"}'],
  ['a symbol', Symbol('s'), 'Symbol(s)'],
  ['a big number', 5n, '5'],
  ['something hostile', hostile, "something was thrown that can't be written down"],
  ['a revoked proxy', revoked(), "something was thrown that can't be written down"],
])('what is no error becomes one: %s', (_, thrown, message) => {
  expect(serializeError(thrown)).toMatchObject({ name: 'Error', message });
});

test('an error whose getters throw, and a frozen one, are still told', () => {
  const broken = new Error('kept');
  Object.defineProperty(broken, 'stack', {
    get() {
      throw new Error('no stack');
    },
  });

  expect(roundTrip(broken)).toMatchObject({ message: 'kept', stack: 'Error: kept' });
  expect(roundTrip(Object.freeze(new RangeError('frozen'))).message).toBe('frozen');
});

test('whatever is thrown, it is told', () => {
  fc.assert(
    fc.property(fc.anything(), (thrown) => {
      const { name, message } = serializeError(thrown);
      expect(typeof name).toBe('string');
      expect(typeof message).toBe('string');
      expect(roundTrip(thrown)).toBeInstanceOf(Error);
    }),
  );
});

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}
