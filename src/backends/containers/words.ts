import { quoteWord } from '../../model/index.ts';

/** A text as one word of the shell, as plain as it can be. */
export function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : quoteWord(text);
}

/** Several, with blanks between. */
export function words(...texts: readonly string[]): string {
  return texts.map(word).join(' ');
}

/** One line of shell that adds arguments to what is being put together in `"$@"`. */
export function add(...texts: readonly string[]): string {
  return `set -- "$@" ${words(...texts)}`;
}
