import { HeddleError } from '../../model/index.ts';

/** Who is told. */
export type NotifyTarget =
  /** A POST of JSON. */
  | { readonly kind: 'webhook'; readonly url: string }
  /** A shell line, with the same JSON on its stdin. */
  | { readonly kind: 'command'; readonly command: string };

const COMMAND = 'command:';

/**
 * Reads `https://...` or `command:...`.
 *
 * @throws {HeddleError} INPUT_INVALID
 */
export function parseTarget(text: string): NotifyTarget {
  if (text.startsWith(COMMAND)) {
    const command = text.slice(COMMAND.length).trim();
    if (command !== '') return { kind: 'command', command };
    throw new HeddleError('INPUT_INVALID', "'command:' names no command", {
      hint: "write the shell line behind it: --notify 'command:mail -s done me@example.org'",
    });
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && (url.protocol === 'http:' || url.protocol === 'https:'))
    return { kind: 'webhook', url: text };
  // What was meant as an address may hold a password: it is not quoted.
  throw new HeddleError('INPUT_INVALID', 'a notification needs an address or a command', {
    hint: 'write https://host/path, or command: and a shell line',
  });
}

/** The target as people may see it: of an address the host only, since its path is often the secret. */
export function targetName(target: NotifyTarget): string {
  return target.kind === 'webhook' ? new URL(target.url).host : 'a command';
}

/** The text `parseTarget` reads it from. */
export function targetText(target: NotifyTarget): string {
  return target.kind === 'webhook' ? target.url : `${COMMAND}${target.command}`;
}
