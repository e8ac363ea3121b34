import { expect, test } from 'vitest';
import { watchParameters } from './watched-parameters.ts';

test('a parameter nobody reads is refused by its nearest name', () => {
  const watched = watchParameters({ temperture: 1, seed: 2 });
  const { parameters } = watched;
  expect(parameters['temperature'] ?? 300).toBe(300);
  expect(parameters['seed']).toBe(2);

  expect(() => watched.refuseUnread()).toThrow("parameter 'temperture' is not used by the workflow");
  expect(() => watched.refuseUnread()).toThrow(
    expect.objectContaining({ hint: expect.stringContaining("did you mean 'temperature'?") }),
  );
});

test('who takes all parameters together has read them all', () => {
  const watched = watchParameters({ a: 1 });
  expect({ ...watched.parameters }).toEqual({ a: 1 });

  expect(() => watched.refuseUnread()).not.toThrow();
});

test('names that were read and not given are told', () => {
  const watched = watchParameters({ a: 1 }, { replica: 1 });
  const { a, b, replica } = watched.parameters;

  expect({ a, b, replica, missing: watched.missing() }).toEqual({ a: 1, b: undefined, replica: 1, missing: ['b'] });
});
