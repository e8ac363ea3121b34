import { expect, test } from 'vitest';
import { Redactor } from './redactor.ts';

const VALUE = 's3cr$t "quoted" /ünï+value';
const label = '[secret T]';
const redactor = new Redactor([{ value: VALUE, label }]);

test.each([
  ['as it is', VALUE],
  ['JSON', JSON.stringify(VALUE).slice(1, -1)],
  [
    'JSON in ASCII',
    JSON.stringify(VALUE)
      .slice(1, -1)
      .replace(/[^\x00-\x7f]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`),
  ],
  ['a URL', encodeURIComponent(VALUE)],
  ['a form', new URLSearchParams({ a: VALUE }).toString().slice(2)],
])('finds a value written as %s', (_, form) => {
  expect(redactor.text(`before ${form} after`)).toBe(`before ${label} after`);
  expect(Buffer.from(redactor.bytes(Buffer.from(`before ${form} after`))).toString()).toBe(`before ${label} after`);
});

test.each(['', 'a', 'ab', 'user:'])('finds it in base64 behind %j', (before) => {
  for (const encoding of ['base64', 'base64url'] as const) {
    const clean = redactor.text(Buffer.from(before + VALUE).toString(encoding));
    expect(clean).toContain(label);
    expect(clean.replace(label, '').length).toBeLessThanOrEqual(Math.ceil((before.length + 2) * 1.4) + 4);
  }
});

test('finds a key of many lines line by line, indented', () => {
  const key = new Redactor([{ value: 'BEGIN-OF-KEY\nabcdefghijkl\nEND-OF-KEY', label }]);
  expect(key.text('  BEGIN-OF-KEY\r\n  abcdefghijkl\n')).toBe(`  ${label}\r\n  ${label}\n`);
});

test('a stream cut anywhere gives what the whole gives', () => {
  const text = `x${VALUE}${VALUE.slice(0, 9)} s3 ${VALUE}s3c\xff ${encodeURIComponent(VALUE)} s3cr`;
  const whole = Buffer.from(redactor.bytes(Buffer.from(text)));
  const bytes = Buffer.from(text);
  for (let first = 0; first <= bytes.length; first += 1)
    for (const size of [1, 7, 64]) {
      const stream = redactor.stream();
      const parts = [stream.push(bytes.subarray(0, first))];
      for (let at = first; at < bytes.length; at += size) parts.push(stream.push(bytes.subarray(at, at + size)));
      parts.push(stream.end());
      expect(Buffer.concat(parts).equals(whole)).toBe(true);
    }
});

test('leaves alone what holds nothing, and values too short to be told from text', () => {
  const bytes = Buffer.from([0, 255, 128, 65]);
  expect(redactor.bytes(bytes)).toBe(bytes);
  expect(new Redactor([{ value: 'abc', label }]).isIdle).toBe(true);
});
