import fc from 'fast-check';
import { expect, test } from 'vitest';
import { quoteWord } from '../model/index.ts';
import { splitCommand } from './split-command.ts';

test.each([
  ['ls -l', ['ls', '-l']],
  ["python -c 'print(1 + 2)'", ['python', '-c', 'print(1 + 2)']],
  ['echo "a \\"b\\" \\x" c\\ d', ['echo', 'a "b" \\x', 'c d']],
  ['a""b \'\' "c"\'d\'', ['ab', '', 'cd']],
  ['  spaced\t\nout  ', ['spaced', 'out']],
  ['cat *.txt | wc > $HOME', ['cat', '*.txt', '|', 'wc', '>', '$HOME']],
])('%s is split as a shell would quote, and nothing else of a shell is done', (line, words) => {
  expect(splitCommand(line)).toEqual(words);
});

test('what was quoted comes back', () => {
  const word = fc.string().filter((text) => !text.includes('\0'));
  fc.assert(
    fc.property(fc.array(word, { minLength: 1 }), (words) => {
      expect(splitCommand(words.map(quoteWord).join(' '))).toEqual(words);
    }),
  );
});

test.each(["echo 'open", 'echo "open', 'echo \\', '', '   '])('%j is refused', (line) => {
  expect(() => splitCommand(line)).toThrow(expect.objectContaining({ code: 'INPUT_INVALID' }));
});
