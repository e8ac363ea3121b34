import { expect, test } from 'vitest';
import { commandText } from './command-text.ts';

const fill = (command: string, values: Readonly<Record<string, unknown>> = {}): string =>
  commandText({ task: 'prepare', index: 0, command, values });

test('both spellings of a variable are filled', () => {
  expect(fill('simulate --temp ${temperature} --pressure $pressure', { temperature: 300, pressure: 1 })).toBe(
    'simulate --temp 300 --pressure 1',
  );
});

test('a value is one word whatever is in it, and a list several', () => {
  expect(fill('echo $name', { name: "it's; rm -rf /" })).toBe("echo 'it'\\''s; rm -rf /'");
  expect(fill('cat $files', { files: ['a b', 'c'] })).toBe("cat 'a b' 'c'");
});

test("what is the shell's stays the shell's", () => {
  expect(fill('for f in *; do echo "$$f" $(date) $1; done')).toBe('for f in *; do echo "$f" $(date) $1; done');
});

test('a variable without a value is refused, naming it, its command and what may have been meant', () => {
  expect(() => fill('simulate --temp $temprature', { temperature: 300 })).toThrow(
    expect.objectContaining({
      code: 'TEMPLATE_INVALID',
      message: "command 0 of task 'prepare' (simulate --temp $temprature): nothing gives 'temprature' a value",
      hint: "did you mean 'temperature'?; a variable of the shell's own is written '$$temprature'",
    }),
  );
});

test('a value inside quotes is refused: it is quoted already', () => {
  expect(() => fill('echo "hello $name"', { name: 'you' })).toThrow(/inside double quotes/);
});
