import { inspect } from 'node:util';
import { HeddleError } from '../../model/index.ts';

/** What a runtime can be told, beside that there is an item: who is there; stop; which version it is. */
export const COMMANDS = ['hello', 'stop', 'version'] as const;
export type Command = (typeof COMMANDS)[number];

/** One message: a mapping of one key. */
export type QueueMessage = { readonly command: Command } | { readonly addItem: string };

/** What came of a message. */
export type Answer =
  | { readonly hello: 'heddle' }
  | { readonly version: string }
  | { readonly stopped: true }
  /** Its watcher is running. */
  | { readonly addItem: string };

/**
 * A message that was looked at: whoever has one need not look again. It never changes.
 *
 * @example
 * queue.put(new QueueItem({ addItem: item.uid }));
 */
export class QueueItem {
  readonly command?: Command;
  readonly addItem?: string;

  /** @throws {HeddleError} INPUT_INVALID for anything that is no message */
  constructor(message: QueueMessage) {
    const [key, value] = checkedEntry(message);
    if (key === 'command') this.command = value as Command;
    else this.addItem = value;
    Object.freeze(this);
  }

  /** As it was given. */
  toJSON(): QueueMessage {
    return this.command === undefined ? { addItem: this.addItem as string } : { command: this.command };
  }
}

/** As one line of JSON. @throws {HeddleError} INPUT_INVALID for anything that is no message */
export function encodeMessage(message: QueueMessage | QueueItem): string {
  return JSON.stringify(asQueueItem(message));
}

/** Reads what `encodeMessage` wrote. @throws {HeddleError} INPUT_INVALID */
export function decodeMessage(text: string): QueueItem {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new HeddleError('INPUT_INVALID', `a message that is no JSON: ${shown(text)}`, { cause: error, hint: HINT });
  }
  return new QueueItem(value as QueueMessage);
}

/** @throws {HeddleError} INPUT_INVALID */
export function asQueueItem(message: QueueMessage | QueueItem): QueueItem {
  return message instanceof QueueItem ? message : new QueueItem(message);
}

const HINT = "a message is { command: 'hello' }, { command: 'stop' }, { command: 'version' } or { addItem: uid }";

function checkedEntry(message: unknown): readonly [key: 'command' | 'addItem', value: string] {
  const entries =
    typeof message === 'object' && message !== null && !Array.isArray(message) ? Object.entries(message) : [];
  const [entry] = entries as readonly (readonly [string, unknown])[];
  if (entry === undefined || entries.length !== 1) throw invalid(message, 'is no mapping of one key');
  const [key, value] = entry;
  if (key === 'command') {
    if (COMMANDS.includes(value as Command)) return [key, value as Command];
    throw invalid(message, `has no command there is`);
  }
  if (key !== 'addItem') throw invalid(message, `has the key '${key.slice(0, 40)}'`);
  if (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)) return [key, value];
  throw invalid(message, 'has no uid: 64 hexadecimal digits');
}

function invalid(message: unknown, why: string): HeddleError {
  return new HeddleError('INPUT_INVALID', `the message ${shown(message)} ${why}`, { hint: HINT });
}

function shown(value: unknown): string {
  return inspect(value, { depth: 1, breakLength: Infinity, maxStringLength: 80, maxArrayLength: 5 }).slice(0, 200);
}
