import type { Logger } from '../model/index.ts';
import { type Output, printable } from './output.ts';

/** What the library warns of, as lines for people. */
export function outputLogger(output: Output): Logger {
  const nothing = (): void => undefined;
  const say = (fields: object, message: string): void => {
    const { error } = fields as { readonly error?: unknown };
    output.say(`note: ${printable(error instanceof Error ? `${message}: ${error.message}` : message)}`);
  };
  return { debug: nothing, info: nothing, warn: say, error: say };
}
