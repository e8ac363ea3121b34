import { HeddleError } from './errors.ts';

/** Refuses what no shell word and no argument can hold. */
export function refuseNul(text: string): string {
  if (!text.includes('\0')) return text;
  throw new HeddleError('TEMPLATE_INVALID', `a value holds a NUL character: ${JSON.stringify(text.slice(0, 60))}`, {
    hint: 'no command line can carry it; pass it in a file',
  });
}

/**
 * Writes a text as one POSIX shell word that stands for exactly it.
 *
 * @throws {HeddleError} TEMPLATE_INVALID when it holds a NUL
 */
export function quoteWord(text: string): string {
  return `'${refuseNul(text).replaceAll("'", "'\\''")}'`;
}

/**
 * Where in shell text a place is. Only in `plain` does a quoted word mean what it says.
 * `substitution` is plain text inside `$(...)`; `arithmetic` is inside `$((...))`.
 */
type Context = 'plain' | 'substitution' | 'arithmetic' | 'single' | 'double' | 'backquote' | 'parameter' | 'comment';

/** What is wrong with a value at a place of that kind. */
const MISPLACED: Readonly<Record<Exclude<Context, 'plain' | 'substitution'>, string>> = {
  arithmetic: "inside '$((...))': compute it in TypeScript",
  single: 'inside single quotes: values are quoted already, drop the quotes around it',
  double: 'inside double quotes: values are quoted already, drop the quotes around it',
  backquote: "inside backquotes: write '$(...)' instead",
  parameter: "inside '${...}': set a variable first, 'name=' and then the value",
  comment: 'in a comment',
};

/**
 * Follows shell text through its quoting, far enough to say whether a value may be put in at a
 * place. It knows quotes, escapes, comments, `$(...)`, `$((...))`, `${...}`, backquotes and
 * here-documents; it does not know `case` patterns inside `$(...)`, where it errs by refusing.
 */
export class ShellScanner {
  readonly #stack: Context[] = ['plain'];
  readonly #depths: number[] = [0];
  #escaped = false;
  #wordStart = true;
  #hereDocument: 'none' | 'announced' | 'begun' = 'none';

  /** Follows a piece of literal text. */
  literal(text: string): void {
    for (let i = 0; i < text.length; i += 1) {
      if (this.#escaped) {
        this.#escaped = false;
        this.#wordStart = false;
      } else i += this.#step(text, i);
    }
  }

  /** A value is put in here. Says why it must not be, or undefined. */
  misplaced(): string | undefined {
    if (this.#escaped) return 'behind a backslash: drop the backslash, values are quoted already';
    if (this.#hereDocument === 'begun')
      return "in or after a here-document: use 'printf' with the value as an argument";
    const context = this.#context;
    this.#wordStart = false;
    return context === 'plain' || context === 'substitution' ? undefined : MISPLACED[context];
  }

  get #context(): Context {
    return this.#stack.at(-1) as Context;
  }

  #push(context: Context): void {
    this.#stack.push(context);
    this.#depths.push(0);
    this.#wordStart = context === 'substitution';
  }

  #pop(): void {
    this.#stack.pop();
    this.#depths.pop();
    this.#wordStart = false;
  }

  /** Takes the character at i; gives how many more it took with it. */
  #step(text: string, i: number): number {
    const char = text[i] as string;
    switch (this.#context) {
      case 'single':
        if (char === "'") this.#pop();
        return 0;
      case 'comment':
        if (char !== '\n') return 0;
        this.#pop();
        return this.#plain(text, i);
      case 'double':
        if (char === '"') this.#pop();
        else return this.#expansion(text, i);
        return 0;
      case 'backquote':
        if (char === '\\') this.#escaped = true;
        else if (char === '`') this.#pop();
        return 0;
      case 'parameter':
        if (char === '}') this.#pop();
        else return this.#quoteOrExpansion(text, i);
        return 0;
      case 'arithmetic':
        return this.#arithmetic(text, i);
      case 'plain':
      case 'substitution':
        return this.#plain(text, i);
    }
  }

  /** Escapes and what begins with `$` or a backquote: the same in plain text and in double quotes. */
  #expansion(text: string, i: number): number {
    const char = text[i];
    if (char === '\\') this.#escaped = true;
    else if (char === '`') this.#push('backquote');
    else if (char === '$') {
      if (text.startsWith('$((', i)) {
        this.#push('arithmetic');
        return 2;
      }
      if (text[i + 1] === '(') {
        this.#push('substitution');
        return 1;
      }
      if (text[i + 1] === '{') {
        this.#push('parameter');
        return 1;
      }
      this.#wordStart = false;
    }
    return 0;
  }

  #quoteOrExpansion(text: string, i: number): number {
    const char = text[i];
    // In `"${x:-'a'}"` the single quotes are literal: only outside double quotes do they quote.
    if (char === "'" && !this.#stack.includes('double')) this.#push('single');
    else if (char === '"') this.#push('double');
    else return this.#expansion(text, i);
    return 0;
  }

  #arithmetic(text: string, i: number): number {
    const last = this.#depths.length - 1;
    const depth = this.#depths[last] as number;
    if (text[i] === '(') this.#depths[last] = depth + 1;
    else if (text[i] !== ')') return this.#expansion(text, i);
    else if (depth > 0) this.#depths[last] = depth - 1;
    else {
      this.#pop();
      return text[i + 1] === ')' ? 1 : 0;
    }
    return 0;
  }

  #plain(text: string, i: number): number {
    const char = text[i] as string;
    const last = this.#depths.length - 1;
    if (char === "'") this.#push('single');
    else if (char === '#' && this.#wordStart) this.#push('comment');
    else if (char === '(') {
      this.#depths[last] = (this.#depths[last] as number) + 1;
      this.#wordStart = true;
    } else if (char === ')') {
      if (this.#context === 'substitution' && this.#depths[last] === 0) this.#pop();
      else this.#depths[last] = Math.max(0, (this.#depths[last] as number) - 1);
    } else if (char === '<' && text[i + 1] === '<') {
      this.#hereDocument = 'announced';
      return 1;
    } else if (/[\s;&|<>]/.test(char)) {
      this.#wordStart = true;
      if (char === '\n' && this.#hereDocument === 'announced') this.#hereDocument = 'begun';
    } else {
      this.#wordStart = false;
      return this.#quoteOrExpansion(text, i);
    }
    return 0;
  }
}
