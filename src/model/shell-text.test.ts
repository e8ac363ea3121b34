import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { quoteWord, ShellScanner } from './shell-text.ts';

/** What a real `sh` makes of shell text, argument by argument. */
function wordsBySh(text: string): string[] {
  const { stdout, status } = spawnSync('sh', ['-s'], { input: `printf '%s\\0' ${text}` });
  expect(status).toBe(0);
  return stdout.toString('utf8').split('\0').slice(0, -1);
}

const word = fc.oneof(
  fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0')),
  fc.string({
    unit: fc.constantFrom("'", '"', '\\', '$', '`', '\n', ' ', '(', ')', '*', '~', '!', '#', ';', '&', '-', 'a'),
  }),
);

test('argv written as shell text is the same argv to a real sh', () => {
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 30 }), (argv) => {
      expect(wordsBySh(argv.map(quoteWord).join(' '))).toEqual(argv);
    }),
    { numRuns: 40 },
  );
});

test('refuses a NUL, which no argument can hold', () => {
  expect(() => quoteWord('a\0b')).toThrow(expect.objectContaining({ code: 'TEMPLATE_INVALID' }));
});

/** Where `@` stands, a value would be put in. */
function misplaced(text: string): string | undefined {
  const scanner = new ShellScanner();
  const pieces = text.split('@');
  let found: string | undefined;
  pieces.forEach((piece, i) => {
    scanner.literal(piece);
    if (i < pieces.length - 1) found ??= scanner.misplaced();
  });
  return found;
}

test.each([
  'md --temp @ --out x',
  'a=@; echo "$a" @',
  `echo 'x' "y" @`,
  'echo $(cat @) @',
  'echo "$(cat @)" @',
  'echo "$(cat "$(ls @)")" @',
  'echo $((1 << 2)) @',
  'echo $((2 * (1 + 2))) @',
  `echo "\${x:-'}" @`,
  `echo \${x:-'}'} @`,
  'echo \\" @',
  'echo \\\\@',
  'x#y @',
  '# a comment with "one quote\necho @',
  'echo ${#x} $# @',
  '(cd @ && ls) > @',
  'cat @ 2>&1 | sort',
  'if [ -f @ ]; then echo @; fi',
  '@#no comment @',
])('a value may stand in: %s', (text) => {
  expect(misplaced(text)).toBeUndefined();
});

test.each([
  ['echo "@"', 'double quotes'],
  ["echo '@'", 'single quotes'],
  ['echo "$(x "@")"', 'double quotes'],
  ['echo `ls @`', 'backquotes'],
  ['echo ${x:-@}', "inside '${...}'"],
  ['echo $((1 + @))', "'$((...))'"],
  ['ls # @', 'comment'],
  ['echo \\@', 'backslash'],
  ['cat <<EOF\n@\nEOF', 'here-document'],
  ['cat <<-"EOF"\ntext\nEOF\necho @', 'here-document'],
])('a value may not stand in: %s', (text, why) => {
  expect(misplaced(text)).toContain(why);
});
