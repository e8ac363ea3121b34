import { HeddleError } from '../model/index.ts';

/**
 * Splits a command line into words by the shell's rules of quoting, and nothing else of a shell: `'...'` as it stands,
 * `"..."` and `\` with their escapes. Pipes, globs and variables are text.
 *
 * @throws {HeddleError} INPUT_INVALID when a quote is not closed, or there is no word
 */
export function splitCommand(line: string): readonly string[] {
  const words: string[] = [];
  const piece = /\s+|'([^']*)'|"((?:[^"\\]|\\[^])*)"|\\([^])|([^\s'"\\]+)/gy;
  let word: string | undefined;
  let read = 0;
  for (let found = piece.exec(line); found !== null; found = piece.exec(line)) {
    read = piece.lastIndex;
    const [, single, double, escaped, plain] = found;
    const text = single ?? double?.replace(/\\([$`"\\\n])/g, unescape) ?? escaped ?? plain;
    if (text !== undefined) word = (word ?? '') + text;
    else if (word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  if (word !== undefined) words.push(word);
  if (read !== line.length)
    throw invalid(`a quote is not closed: ${line.slice(read)}`, 'close it, or write \\ before it');
  if (words.length === 0) throw invalid('a command without a program', 'name one, and its arguments');
  return words;
}

/** Inside double quotes: a line's end that is escaped is no end. */
function unescape(_: string, escaped: string): string {
  return escaped === '\n' ? '' : escaped;
}

function invalid(message: string, hint: string): HeddleError {
  return new HeddleError('INPUT_INVALID', message, { hint });
}
