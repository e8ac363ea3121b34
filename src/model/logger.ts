/** Where the library says what people may want to read later. Satisfied by pino, console and others. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const nothing = (): void => undefined;

/** Says nothing: the library's default. */
export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
