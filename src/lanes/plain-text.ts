import type { FromWorker, ToWorker } from './protocol.ts';

/**
 * A port takes text several times faster than objects: for a call without arguments that is most of what it costs to
 * send it. So a list that JSON carries exactly goes as text, and any other as it is.
 */

/** Longer text is escaped and parsed slower than it is cloned. */
const LONGEST = 4096;
/** Parts of an argument that are looked at; larger ones go as they are. */
const MOST_PARTS = 64;

/** What a port carries: a list of messages, or its text. */
export type OnPort<Message> = string | readonly Message[];

/** A list as it goes to a worker. */
export function packToWorker(messages: readonly ToWorker[]): OnPort<ToWorker> {
  return messages.every(isPlainToWorker) ? JSON.stringify(messages) : messages;
}

/** A list as it goes to the host. */
export function packFromWorker(messages: readonly FromWorker[]): OnPort<FromWorker> {
  return messages.every(isPlainFromWorker) ? JSON.stringify(messages) : messages;
}

export function unpack<Message>(received: OnPort<Message>): readonly Message[] {
  return typeof received === 'string' ? (JSON.parse(received) as readonly Message[]) : received;
}

function isPlainToWorker(message: ToWorker): boolean {
  if (message.kind !== 'start') return message.kind !== 'next';
  const { args, reference } = message.call;
  if (reference.kind === 'source' && reference.source.length > LONGEST) return false;
  return args.length === 0 || countParts(args, MOST_PARTS) >= 0;
}

function isPlainFromWorker(message: FromWorker): boolean {
  switch (message.kind) {
    case 'ended': {
      const { outcome } = message;
      if (outcome.kind !== 'ok' || outcome.value === undefined) return outcome.kind !== 'error';
      return outcome.value.codec === 'json' && outcome.value.json.length <= LONGEST;
    }
    case 'output':
    case 'yielded':
    case 'progress':
      return false;
    case 'hello':
    case 'started':
    case 'streaming':
    case 'heartbeat':
    case 'bye':
      return true;
  }
}

/** How many parts are left of so many after those of a value that JSON carries exactly; -1 when it does not, or has more. */
function countParts(value: unknown, left: number): number {
  switch (typeof value) {
    case 'string':
      return value.length <= LONGEST ? left - 1 : -1;
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0) ? left - 1 : -1;
    case 'boolean':
      return left - 1;
    case 'object':
      return value === null ? left - 1 : countMembers(value, left - 1);
    case 'bigint':
    case 'function':
    case 'symbol':
    case 'undefined':
      return -1;
  }
}

function countMembers(value: object, left: number): number {
  const isArray = Array.isArray(value);
  if (!isArray && Object.getPrototypeOf(value) !== Object.prototype) return -1;
  // A list with holes, or with more than its elements, has another number of keys.
  const members: readonly unknown[] = isArray ? value : Object.values(value);
  if (members.length > left || (isArray && Object.keys(value).length !== members.length)) return -1;
  let rest = left;
  for (const member of members) {
    rest = countParts(member, rest);
    if (rest < 0) return -1;
  }
  return rest;
}
