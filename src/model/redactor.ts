import { quoteWord } from './shell-text.ts';

/** Fewer characters than this are found in everything: such a value is not taken out. */
export const SHORTEST_REDACTED = 4;
/** Lines of a value, and pieces of base64, shorter than this are no sign of it. */
const SHORTEST_PART = 8;

/** A value that nobody may read, and what is to stand for it. */
export interface RedactedValue {
  readonly value: string;
  /** Without quotes, so that it fits wherever the value stood. */
  readonly label: string;
}

/**
 * Takes values out of texts and bytes, as they are and in the forms in which programs write them: base64 (whatever stands
 * before it), URL encoding, JSON and shell quoting, and line by line. What is cut, compressed, encrypted or spelt otherwise
 * is not found. Immutable.
 */
export class Redactor {
  /** Whether there is nothing to take out. */
  readonly isIdle: boolean;
  readonly #text: Rules;
  readonly #bytes: Rules;

  constructor(values: readonly RedactedValue[]) {
    const forms = new Map<string, string>();
    for (const { value, label } of values) {
      if (value.length < SHORTEST_REDACTED) continue;
      for (const form of formsOf(value)) if (!forms.has(form)) forms.set(form, label);
    }
    this.isIdle = forms.size === 0;
    this.#text = new Rules(forms);
    this.#bytes = new Rules(new Map([...forms].map(([form, label]) => [asLatin1(form), asLatin1(label)])));
  }

  /** The text with what stands for the values in their place. */
  text(text: string): string {
    return this.#text.apply(text);
  }

  /** The same of bytes; the very same object where nothing was found. */
  bytes(bytes: Uint8Array): Uint8Array {
    const text = latin1Of(bytes);
    const clean = this.#bytes.apply(text);
    return clean === text ? bytes : Buffer.from(clean, 'latin1');
  }

  /** Takes values out of bytes that come in pieces: also one that is cut in two. */
  stream(): RedactingStream {
    return new RedactingStream(this.#bytes);
  }
}

/** Redacts bytes piece by piece. What could be the beginning of a value is kept back until more comes. */
export class RedactingStream {
  readonly #rules: Rules;
  #kept = '';
  #found = false;

  /** @internal */
  constructor(rules: Rules) {
    this.#rules = rules;
  }

  /** Whether anything was taken out so far. */
  get found(): boolean {
    return this.#found;
  }

  /** What may be passed on now. */
  push(bytes: Uint8Array): Uint8Array {
    const text = this.#kept + latin1Of(bytes);
    const cut = this.#rules.safeEnd(text);
    this.#kept = text.slice(cut);
    return this.#clean(text.slice(0, cut));
  }

  /** What was kept back: nothing more comes. */
  end(): Uint8Array {
    const rest = this.#kept;
    this.#kept = '';
    return this.#clean(rest);
  }

  #clean(text: string): Uint8Array {
    const clean = this.#rules.apply(text);
    if (clean !== text) this.#found = true;
    return Buffer.from(clean, 'latin1');
  }
}

/** Texts to be found, and what each becomes. The longest that fits is taken. */
class Rules {
  readonly #labels: ReadonlyMap<string, string>;
  readonly #forms: readonly string[];
  readonly #pattern: RegExp | undefined;

  constructor(labels: ReadonlyMap<string, string>) {
    this.#labels = labels;
    this.#forms = [...labels.keys()].sort((a, b) => b.length - a.length);
    this.#pattern = labels.size === 0 ? undefined : new RegExp(this.#forms.map(escaped).join('|'), 'g');
  }

  apply(text: string): string {
    if (this.#pattern === undefined) return text;
    return text.replace(this.#pattern, (form) => this.#labels.get(form) as string);
  }

  /** Up to where a text can be judged though more is to come: no form begins before and ends behind it. */
  safeEnd(text: string): number {
    let end = text.length;
    for (const form of this.#forms) end = Math.min(end, firstOpen(text, form));
    if (this.#pattern === undefined || end === text.length) return end;
    for (const match of text.matchAll(this.#pattern)) {
      const after = match.index + match[0].length;
      if (match.index < end && after > end) return after;
    }
    return end;
  }
}

/** Where the longest end of a text stands that is a true beginning of a form; the text's length when there is none. */
function firstOpen(text: string, form: string): number {
  const first = form.charAt(0);
  const from = Math.max(0, text.length - form.length + 1);
  for (let at = text.indexOf(first, from); at !== -1; at = text.indexOf(first, at + 1)) {
    if (form.startsWith(text.slice(at))) return at;
  }
  return text.length;
}

/** All forms in which a value is looked for. */
function formsOf(value: string): ReadonlySet<string> {
  const whole = plainForms(value);
  const forms = new Set(whole);
  const lines = value.split(/\r?\n/).map((line) => line.trim());
  // A key of many lines is often shown line by line, indented.
  if (lines.length > 1)
    for (const line of lines) if (line.length >= SHORTEST_PART) for (const form of plainForms(line)) forms.add(form);
  for (const form of base64Forms(value)) forms.add(form);
  return forms;
}

function plainForms(value: string): readonly string[] {
  const forms = [value, JSON.stringify(value).slice(1, -1), quoteWord(value).slice(1, -1)];
  if (value.isWellFormed()) {
    // JSON as many other languages write it.
    forms.push(forms[1]!.replace(/[^\x00-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`));
    const url = encodeURIComponent(value);
    forms.push(
      url,
      url.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
      url.replaceAll('%20', '+'),
    );
    // What a form's encoding, other than a URI's, spells out.
    const strict = url.replace(/[!'()*~]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
    forms.push(strict, strict.replaceAll('%20', '+'));
  }
  return forms;
}

/**
 * The value in base64, in both alphabets, wherever it stands in what is encoded: after 0, 1 or 2 bytes of something else
 * (`user:password` of HTTP). Of those only the characters that the value alone decides.
 */
function base64Forms(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  const forms: string[] = [];
  for (const before of [0, 1, 2]) {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replaceAll('=', '');
    const first = Math.ceil((before * 8) / 6);
    const last = Math.floor(((before + bytes.length) * 8) / 6);
    const own = encoded.slice(first, last);
    if (own.length >= SHORTEST_PART || (before === 0 && own.length >= SHORTEST_REDACTED))
      forms.push(own, own.replaceAll('+', '-').replaceAll('/', '_'));
  }
  return forms;
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}

/** Bytes as a text of as many characters, so that one way of looking serves both. */
function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

function asLatin1(text: string): string {
  return Buffer.from(text).toString('latin1');
}
