import { HeddleError } from '../../model/index.ts';

/** A field as it stands in a file: its text, and where it begins, both counted from 1. */
interface Field {
  readonly text: string;
  readonly quoted: boolean;
  readonly line: number;
  readonly column: number;
}

/** Rows of a table whose first names the columns, with numbers as numbers. */
export interface CsvTable {
  readonly names: readonly string[];
  readonly rows: readonly Readonly<Record<string, string | number>>[];
}

/**
 * Reads CSV by RFC 4180: fields parted by commas, in quotes where they hold commas, quotes (doubled) or line breaks; lines
 * end with CR LF or LF. The first names the columns. What is written as a number is one, but for whole numbers that a double
 * can't hold. Blank lines are passed over.
 *
 * @param name of the file, for errors
 * @throws {HeddleError} INPUT_INVALID, with line and column
 */
export function parseCsv(text: string, name: string): CsvTable {
  const reader = new CsvReader(text.startsWith('\uFEFF') ? text.slice(1) : text, name);
  const header = reader.record();
  if (header === undefined)
    throw new HeddleError('INPUT_INVALID', `${name} is empty`, { hint: 'its first line names the parameters' });
  const names = namesOf(header, reader);
  const rows: Record<string, string | number>[] = [];
  for (let record = reader.record(); record !== undefined; record = reader.record()) {
    rows.push(rowOf(record, names, reader));
  }
  return { names, rows };
}

function namesOf(header: readonly Field[], reader: CsvReader): readonly string[] {
  const names: string[] = [];
  for (const field of header) {
    const name = field.quoted ? field.text : field.text.trim();
    if (name === '') throw reader.wrong(field, 'a column has no name', 'name every column in the first line');
    if (names.includes(name)) throw reader.wrong(field, `there are two columns '${name}'`, 'give each its own name');
    names.push(name);
  }
  return names;
}

function rowOf(
  record: readonly Field[],
  names: readonly string[],
  reader: CsvReader,
): Readonly<Record<string, string | number>> {
  const last = record.at(-1) as Field;
  if (record.length !== names.length)
    throw reader.wrong(
      record[names.length] ?? last,
      `there are ${record.length} fields where the header names ${names.length}`,
      'give each row a field for each column; a comma in a field wants quotes around it',
    );
  const entries = record.map((field, i): [string, string | number] => {
    const column = names[i] as string;
    if (field.text.trim() === '' && !field.quoted)
      throw reader.wrong(field, `'${column}' is empty`, 'give a value; text of no characters is ""');
    return [column, valueOf(field)];
  });
  return Object.fromEntries(entries);
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
/** A number of somebody's, not one to calculate with: 007. */
const LEADING_ZERO = /^[+-]?0\d/;

function valueOf({ text, quoted }: Field): string | number {
  const trimmed = text.trim();
  const value = Number(trimmed);
  const isWhole = /^[+-]?\d+$/.test(trimmed);
  if (!NUMBER.test(trimmed) || LEADING_ZERO.test(trimmed) || !Number.isFinite(value)) return quoted ? text : trimmed;
  return isWhole && !Number.isSafeInteger(value) ? trimmed : value;
}

/** Goes through a text once, knowing line and column. */
class CsvReader {
  readonly #text: string;
  readonly #name: string;
  #at = 0;
  #line = 1;
  #lineStart = 0;

  constructor(text: string, name: string) {
    this.#text = text;
    this.#name = name;
  }

  wrong({ line, column }: Pick<Field, 'line' | 'column'>, what: string, hint: string): HeddleError {
    return new HeddleError('INPUT_INVALID', `${this.#name}:${line}:${column}: ${what}`, {
      details: { file: this.#name, line, column },
      hint,
    });
  }

  /** The next record; undefined at the end. */
  record(): readonly Field[] | undefined {
    while (this.#at < this.#text.length && this.#newline() > 0) this.#skipNewline();
    if (this.#at >= this.#text.length) return undefined;
    const fields: Field[] = [];
    for (;;) {
      fields.push(this.#field());
      if (this.#text[this.#at] === ',') {
        this.#at += 1;
        continue;
      }
      this.#skipNewline();
      return fields;
    }
  }

  #place(): Pick<Field, 'line' | 'column'> {
    return { line: this.#line, column: this.#at - this.#lineStart + 1 };
  }

  #field(): Field {
    const place = this.#place();
    if (this.#text[this.#at] === '"') return { ...place, text: this.#quoted(place), quoted: true };
    const from = this.#at;
    while (this.#at < this.#text.length && this.#text[this.#at] !== ',' && this.#newline() === 0) {
      if (this.#text[this.#at] === '"')
        throw this.wrong(
          this.#place(),
          'a quote stands inside of a field',
          'put the whole field in quotes, and double those in it',
        );
      this.#at += 1;
    }
    return { ...place, text: this.#text.slice(from, this.#at), quoted: false };
  }

  #quoted(place: Pick<Field, 'line' | 'column'>): string {
    let text = '';
    this.#at += 1;
    for (;;) {
      const char = this.#text[this.#at];
      if (char === undefined) throw this.wrong(place, 'a quote is not closed', 'end the field with "');
      if (char === '"' && this.#text[this.#at + 1] === '"') {
        text += '"';
        this.#at += 2;
      } else if (char === '"') {
        this.#at += 1;
        break;
      } else {
        text += char;
        this.#at += 1;
        if (char === '\n') this.#beginLine();
      }
    }
    const after = this.#text[this.#at];
    if (after !== undefined && after !== ',' && this.#newline() === 0)
      throw this.wrong(this.#place(), 'something follows a quoted field', 'put a comma after the quote, or double it');
    return text;
  }

  /** How many characters the line break here has; 0 where there is none. */
  #newline(): number {
    const char = this.#text[this.#at];
    if (char === '\n') return 1;
    return char === '\r' && this.#text[this.#at + 1] === '\n' ? 2 : 0;
  }

  #skipNewline(): void {
    const length = this.#newline();
    if (length === 0) return;
    this.#at += length;
    this.#beginLine();
  }

  #beginLine(): void {
    this.#line += 1;
    this.#lineStart = this.#at;
  }
}
