import type { AttemptId } from '../model/index.ts';
import type { FromWorker, LaneOutcome, ToWorker } from './protocol.ts';

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

type Start = Extract<ToWorker, { kind: 'start' }>;

/** What calls that follow one another have in common: said when it changes, and good for all starts behind it. */
interface Common extends Pick<Start, 'limits'> {
  readonly call: Omit<Start['call'], 'args' | 'job' | 'directory'>;
}

/** A start behind what it has in common with others: attempt, fence, slot, 1 for a short one, job, directory, arguments. */
type OwnPart = readonly [AttemptId, number, number, 0 | 1, string, string, readonly unknown[]];

type TextToWorker = readonly (Common | OwnPart | Exclude<ToWorker, Start>)[];

/** Packs lists as they go to one worker, which has an `UnpackerInWorker` for them: all of them, in order. */
export class PackerToWorker {
  #common: Common | undefined;

  pack(messages: readonly ToWorker[]): OnPort<ToWorker> {
    if (!messages.every(isPlainToWorker)) return messages;
    const text: (Common | OwnPart | Exclude<ToWorker, Start>)[] = [];
    for (const message of messages) {
      if (message.kind !== 'start') {
        text.push(message);
        continue;
      }
      if (this.#common === undefined || !fits(this.#common, message)) {
        this.#common = commonOf(message);
        text.push(this.#common);
      }
      const { attempt, fence, slot, short, call } = message;
      text.push([attempt, fence, slot, short === true ? 1 : 0, call.job, call.directory, call.args]);
    }
    return JSON.stringify(text);
  }
}

function commonOf({ call, limits }: Start): Common {
  const { args: _, job: __, directory: ___, ...common } = call;
  return { call: common, limits };
}

/** By identity: whoever makes the messages makes what is alike once. */
function fits(common: Common, { call, limits }: Start): boolean {
  const { reference, run, stream, enterDirectory, environment } = common.call;
  return (
    call.reference === reference &&
    call.run === run &&
    limits === common.limits &&
    call.stream === stream &&
    call.enterDirectory === enterDirectory &&
    call.environment === environment
  );
}

/** Unpacks what one `PackerToWorker` has packed. */
export class UnpackerInWorker {
  #common: Common | undefined;

  unpack(received: OnPort<ToWorker>): readonly ToWorker[] {
    if (typeof received !== 'string') return received;
    const messages: ToWorker[] = [];
    for (const part of JSON.parse(received) as TextToWorker) {
      if ('kind' in part) messages.push(part);
      else if ('limits' in part) this.#common = part;
      else if (this.#common !== undefined) messages.push(startOf(this.#common, part));
    }
    return messages;
  }
}

function startOf(common: Common, [attempt, fence, slot, short, job, directory, args]: OwnPart): ToWorker {
  const call = { ...common.call, args, job, directory };
  const { limits } = common;
  return short === 1
    ? { kind: 'start', attempt, fence, call, limits, slot, short: true }
    : { kind: 'start', attempt, fence, call, limits, slot };
}

/** An end that went well: attempt, fence, when it started and ended, its value where there is one. */
type EndedPart = readonly [AttemptId, number, number, number] | readonly [AttemptId, number, number, number, string];

/** A list as it goes to the host. */
export function packFromWorker(messages: readonly FromWorker[]): OnPort<FromWorker> {
  return messages.every(isPlainFromWorker) ? JSON.stringify(messages.map(shortened)) : messages;
}

function shortened(message: FromWorker): FromWorker | EndedPart {
  if (message.kind !== 'ended' || message.outcome.kind !== 'ok' || message.outcome.usage !== undefined) return message;
  const { attempt, fence, outcome } = message;
  const { value, startedAt, endedAt } = outcome;
  return value?.codec === 'json'
    ? [attempt, fence, startedAt, endedAt, value.json]
    : [attempt, fence, startedAt, endedAt];
}

/** A list as it came from a worker. */
export function unpackFromWorker(received: OnPort<FromWorker>): readonly FromWorker[] {
  if (typeof received !== 'string') return received;
  const parts = JSON.parse(received) as readonly (FromWorker | EndedPart)[];
  return parts.map((part) => ('kind' in part ? part : endedOf(part)));
}

function endedOf([attempt, fence, startedAt, endedAt, json]: EndedPart): FromWorker {
  const outcome: LaneOutcome =
    json === undefined
      ? { kind: 'ok', startedAt, endedAt }
      : { kind: 'ok', value: { codec: 'json', json }, startedAt, endedAt };
  return { kind: 'ended', attempt, fence, outcome };
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
