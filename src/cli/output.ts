import { styleText } from 'node:util';

/** Styles that are used; a text without colour says the same. */
type Style = Parameters<typeof styleText>[0];

/**
 * Where a command writes. stdout carries data only; everything said to people goes to stderr. A reader that went
 * away (`| head`) is no error: what is left is not written.
 */
export interface Output {
  /** Writes a line, or a text that ends as it ends, to stdout. Resolves when the pipe has room again. */
  data(text: string): Promise<void>;
  json(value: unknown): Promise<void>;
  /** Writes text to stdout piece by piece, as it is; stops when nobody reads. */
  pieces(pieces: Iterable<string> | AsyncIterable<string>): Promise<void>;
  /** Writes bytes as they are. */
  bytes(chunk: Uint8Array, stream: 'stdout' | 'stderr'): Promise<void>;
  /** A line for people. */
  say(line: string): void;
  /** Has lines for people go to somebody who keeps something at the end of the terminal; undefined: to stderr again. */
  divert(to: ((line: string) => void) | undefined): void;
  /** Of stderr. */
  style(style: Style, text: string): string;
  /** Of stdout. */
  dataStyle(style: Style, text: string): string;
  readonly isTerminal: boolean;
  readonly dataIsTerminal: boolean;
  /** Nobody reads stdout any more: what only writes there may stop. */
  readonly readerGone: boolean;
}

export function openOutput(): Output {
  const { stdout, stderr } = process;
  let readerGone = false;
  let diverted: ((line: string) => void) | undefined;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    readerGone = true;
  });
  stderr.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  const write = async (chunk: string | Uint8Array, stream: NodeJS.WriteStream): Promise<void> => {
    if (stream === stdout && readerGone) return;
    await new Promise<void>((resolve) => {
      stream.write(chunk, () => resolve());
    });
  };
  const data = async (text: string): Promise<void> => write(text.endsWith('\n') ? text : `${text}\n`, stdout);
  return {
    data,
    json: async (value) => data(JSON.stringify(value, null, stdout.isTTY ? 2 : undefined)),
    pieces: async (pieces) => {
      for await (const piece of pieces) {
        if (readerGone) return;
        await write(piece, stdout);
      }
    },
    bytes: async (chunk, stream) => write(chunk, stream === 'stdout' ? stdout : stderr),
    say: (line) => {
      if (diverted === undefined) stderr.write(`${line}\n`);
      else diverted(line);
    },
    divert: (to) => {
      diverted = to;
    },
    style: (style, text) => styleText(style, text, { stream: stderr }),
    dataStyle: (style, text) => styleText(style, text, { stream: stdout }),
    isTerminal: stderr.isTTY === true && process.env['TERM'] !== 'dumb',
    dataIsTerminal: stdout.isTTY === true,
    get readerGone() {
      return readerGone;
    },
  };
}

/** Text from outside on one line of a terminal: no control characters, no escape sequences. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '\u00b7');
}

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** Rows as aligned columns, two blanks between. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const texts = [columns.map((column) => column.title), ...rows.map((row) => row.map(printable))];
  const widths = columns.map((_, i) => texts.reduce((width, row) => Math.max(width, (row[i] ?? '').length), 0));
  return texts
    .map((row) =>
      columns
        .map((column, i) => {
          const text = row[i] ?? '';
          const width = widths[i] as number;
          return column.align === 'right' ? text.padStart(width) : text.padEnd(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
