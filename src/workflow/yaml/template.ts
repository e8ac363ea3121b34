import type { Piece } from './source.ts';

/** A name that stands for a value, and the way into it: `${simulate.energy[0]}`. */
export interface Reference {
  readonly name: string;
  readonly path: readonly (string | number)[];
  /** `${raw:flags}`: into a shell's text as it stands. */
  readonly isRaw: boolean;
  /** As it is written. */
  readonly at: Piece;
}

export type TemplatePiece = string | Reference;

/** What can't be read of a text, and how it might be meant. */
export interface BadTemplate {
  readonly at: Piece;
  readonly what: string;
  readonly hint: string;
}

/** `$$` is a dollar; in a shell's text a backslash before one keeps it for the shell. */
const TOKEN = /\\\$|\$\$|\$\{[^}]*\}?|\$[A-Za-z_]\w*/g;
const BRACED = /^\$\{(raw:)?([A-Za-z_][\w-]*)((?:\.[\w-]+|\[\d+\])*)\}$/;
const STEP = /\.([\w-]+)|\[(\d+)\]/g;

/**
 * Reads a text with references in it. What is neither `$name`, `${name.part[0]}` nor `$$` stays as it is: `$(date)`, `$?`.
 *
 * @param isShell a backslash before a dollar is the shell's own
 */
export function parseTemplate(text: string, isShell: boolean): readonly TemplatePiece[] | BadTemplate {
  const pieces: TemplatePiece[] = [];
  const seen = new Map<string, number>();
  let literal = '';
  let end = 0;
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    literal += text.slice(end, index);
    end = index + token.length;
    if (token === '$$') {
      literal += '$';
      continue;
    }
    if (token === '\\$') {
      if (!isShell) return misplacedBackslash(token);
      literal += token;
      continue;
    }
    const ordinal = seen.get(token) ?? 0;
    seen.set(token, ordinal + 1);
    const reference = referenceOf(token, ordinal);
    if ('what' in reference) return reference;
    if (literal !== '') pieces.push(literal);
    literal = '';
    pieces.push(reference);
  }
  literal += text.slice(end);
  if (literal !== '') pieces.push(literal);
  return pieces;
}

function misplacedBackslash(token: string): BadTemplate {
  return {
    at: { text: token, ordinal: 0 },
    what: "has a backslash before a dollar, which means something in a shell's text only",
    hint: 'write $$ for a dollar',
  };
}

function referenceOf(token: string, ordinal: number): Reference | BadTemplate {
  const at: Piece = { text: token, ordinal };
  if (!token.startsWith('${')) return { name: token.slice(1), path: [], isRaw: false, at };
  const braced = BRACED.exec(token);
  if (braced === null)
    return {
      at,
      what: `${token} is no reference`,
      hint: `write \${name}, \${name.part} or \${name[0]}; what is the shell's own is written with two dollars: $${token}`,
    };
  const [, raw, name = '', steps = ''] = braced;
  const path = Array.from(steps.matchAll(STEP), ([, key, index]) => key ?? Number(index));
  return { name, path, isRaw: raw !== undefined, at };
}
