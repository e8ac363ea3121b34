import { inspect } from 'node:util';
import type { Logger } from '../model/index.ts';
import { systemClock } from '../process/lane-face.ts';

/** From the least to the most pressing. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** One thing that was said. */
export interface LogRecord {
  readonly time: Date;
  readonly level: LogLevel;
  readonly message: string;
  /** What it is about: `job`, `error`, `code`, ... */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Where records go: a function that is given each with its text, or something to write to (`process.stderr`, a file's stream). */
export type LogSink = ((text: string, record: LogRecord) => void) | { write(text: string): unknown };

export interface LogSinkOptions {
  /** Text with `{time}`, `{level}`, `{message}` and the names of fields in braces, or a function. @default '{time} {level} {message}' */
  readonly format?: string | ((record: LogRecord) => string);
  /** Only what it says yes to. */
  readonly filter?: (record: LogRecord) => boolean;
  /** Only this level and what is more pressing. @default 'info' */
  readonly level?: LogLevel;
}

interface Sink {
  readonly write: (text: string, record: LogRecord) => void;
  readonly format: (record: LogRecord) => string;
  readonly filter: ((record: LogRecord) => boolean) | undefined;
  readonly least: number;
}

const DEFAULT_FORMAT = '{time} {level} {message}';

/** What an engine has to say, for as many as want to read it, each in its own words. A sink that throws is left out from then on. */
export class LogSinks implements Logger {
  readonly #sinks = new Set<Sink>();
  readonly #first: Logger | undefined;
  readonly #redact: (text: string) => string;

  /** `first` is told everything as it comes; `redact` takes secrets out of all that is said. */
  constructor(first?: Logger, redact: (text: string) => string = (text) => text) {
    this.#first = first;
    this.#redact = redact;
  }

  /** Gives how to take the sink out again. */
  add(sink: LogSink, { format = DEFAULT_FORMAT, filter, level = 'info' }: LogSinkOptions = {}): () => void {
    const added: Sink = {
      write: typeof sink === 'function' ? sink : (text) => void sink.write(`${text}\n`),
      format: typeof format === 'function' ? format : formatter(format),
      filter,
      least: LOG_LEVELS.indexOf(level),
    };
    this.#sinks.add(added);
    return () => this.#sinks.delete(added);
  }

  debug(fields: object, message: string): void {
    this.#tell('debug', fields, message);
  }

  info(fields: object, message: string): void {
    this.#tell('info', fields, message);
  }

  warn(fields: object, message: string): void {
    this.#tell('warn', fields, message);
  }

  error(fields: object, message: string): void {
    this.#tell('error', fields, message);
  }

  #cleaned(fields: object): object {
    const clean = Object.entries(fields).map(([name, value]: [string, unknown]) => [
      name,
      typeof value === 'string' ? this.#redact(value) : value,
    ]);
    return Object.fromEntries(clean) as object;
  }

  #tell(level: LogLevel, given: object, said: string): void {
    const message = this.#redact(said);
    const fields = this.#cleaned(given);
    this.#first?.[level](fields, message);
    if (this.#sinks.size === 0) return;
    const record: LogRecord = {
      time: new Date(systemClock.now().wall),
      level,
      message,
      fields: fields as Readonly<Record<string, unknown>>,
    };
    const pressing = LOG_LEVELS.indexOf(level);
    for (const sink of this.#sinks) {
      if (pressing < sink.least) continue;
      try {
        if (sink.filter === undefined || sink.filter(record)) sink.write(this.#redact(sink.format(record)), record);
      } catch (error) {
        this.#sinks.delete(sink);
        this.#tell('error', { error }, 'a log sink threw and is told nothing more');
      }
    }
  }
}

/** Fills the braces of a format; an error comes with its stack, on lines of its own. */
function formatter(format: string): (record: LogRecord) => string {
  return (record) => {
    const line = format.replace(/\{(\w+)\}/g, (whole, name: string) => part(record, name) ?? whole);
    const error = record.fields['error'];
    return error instanceof Error ? `${line}\n${error.stack ?? String(error)}` : line;
  };
}

function part({ time, level, message, fields }: LogRecord, name: string): string | undefined {
  if (name === 'time') return time.toISOString();
  if (name === 'level') return level;
  if (name === 'message') return message;
  const value = fields[name];
  return value === undefined || typeof value === 'string' ? value : inspect(value);
}
