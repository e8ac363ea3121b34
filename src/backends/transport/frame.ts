import { randomBytes } from 'node:crypto';

/**
 * How shell text gets through a login shell nobody knows. What is asked of that shell is one line, the *boot*, that means
 * the same to sh, csh and fish: a single-quoted word without quotes, backslashes, newlines and exclamation marks. The
 * boot becomes /bin/sh, says `TOKEN+` on standard output, and looks for a line that begins with the token on its standard
 * input; that line holds code which reads the script, line by line, up to the token alone. The shell's `read` takes byte
 * after byte, so what follows is left for the script, bit by bit.
 *
 * On standard output everything before `TOKEN+` is noise of start-up files. `TOKEN=CODE` ends standard error, and
 * standard output where no program talks over it: the exit code of the script, which can't be mistaken for one of whoever
 * carried it. A script that did not arrive whole is not
 * begun.
 */
export interface Frame {
  /** One line for any shell. */
  readonly boot: string;
  /** Goes ahead of everything: lines for start-up files that read standard input. */
  readonly padding: string;
  /** The script, to be written to standard input before its own input. */
  readonly script: string;
  /** Ends the noise on either stream. */
  readonly begin: Buffer;
  /** Begins the last line on either stream; the exit code follows. */
  readonly end: Buffer;
  /** Said on standard error in place of `begin` when the script did not arrive. */
  readonly eaten: Buffer;
}

/** More lines than a start-up file asks for. */
const PADDING = '\n'.repeat(16);

/** What reads the script and runs it. `$t` is the token; a newline is the third character IFS has at first. */
const reader = (talks: boolean): string =>
  [
    'n=${IFS#??}',
    'n=${n%"${n#?}"}',
    's=',
    'e=',
    'while IFS= read -r l; do case $l in "$t") e=1; break;; esac; s=$s$l$n; done',
    'case $e in "") echo "$t-" >&2; exit;; esac',
    'echo "$t+" >&2',
    // The script sees none of the reader's variables.
    '(unset t n l e; eval "unset s;$s")',
    'c=$?',
    'echo "$t=$c" >&2',
    ...(talks ? [] : ['echo "$t=$c"']),
  ].join('; ');

const GATHERED = reader(false);
const TALKING = reader(true);

/** Frames a script. Each frame has a token of its own. `talks`: its output is a program's, to the last byte. */
export function makeFrame(script: string, talks = false): Frame {
  if (script.includes('\0')) throw new TypeError('a shell script holds a NUL character');
  const token = `heddle-${randomBytes(12).toString('hex')}`;
  const body = script.endsWith('\n') || script === '' ? script : `${script}\n`;
  return {
    boot: `exec /bin/sh -c 't=${token}; echo "$t+"; while read -r l; do case $l in "$t"*) eval "\${l#$t}"; exit;; esac; done; echo "$t-" >&2'`,
    padding: PADDING,
    script: `${token} ${talks ? TALKING : GATHERED}\n${body}${token}\n`,
    begin: Buffer.from(`${token}+\n`),
    end: Buffer.from(`${token}=`),
    eaten: Buffer.from(`${token}-\n`),
  };
}

const NONE = Buffer.alloc(0);

/** Cuts the noise off a stream: what is handed in comes out from the byte behind `begin` on. */
export class NoiseCutter {
  readonly #begin: Buffer;
  readonly #keep: number;
  #noise: Buffer = NONE;
  #begun = false;

  /** `keep`: so many of the last bytes of noise are kept, for who wants to know why nothing began. */
  constructor(begin: Buffer, keep = 4096) {
    this.#begin = begin;
    this.#keep = Math.max(keep, begin.length);
  }

  get begun(): boolean {
    return this.#begun;
  }

  /** The end of what came before `begin`. */
  get noise(): Buffer {
    return this.#noise;
  }

  /** What of the chunk is no noise; undefined while there is nothing. */
  take(chunk: Buffer): Buffer | undefined {
    if (this.#begun) return chunk;
    const all = this.#noise.length === 0 ? chunk : Buffer.concat([this.#noise, chunk]);
    const at = all.indexOf(this.#begin);
    if (at < 0) {
      this.#noise = all.length > this.#keep ? all.subarray(all.length - this.#keep) : all;
      return undefined;
    }
    this.#begun = true;
    this.#noise = all.subarray(0, at);
    const rest = all.subarray(at + this.#begin.length);
    return rest.length === 0 ? undefined : rest;
  }
}

/** Longest exit code with its newline. */
const CODE_BYTES = 4;

/** Where a stream of which this is the tail ends, and with which exit code; undefined when it does not end here. */
export function findEnd(tail: Buffer, end: Buffer): { readonly at: number; readonly code: number } | undefined {
  const at = tail.lastIndexOf(end);
  if (at < 0) return undefined;
  const text = tail.subarray(at + end.length, at + end.length + CODE_BYTES).toString('latin1');
  const code = /^(\d{1,3})\n/.exec(text)?.[1];
  return code === undefined ? undefined : { at, code: Number(code) };
}
