import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { PackedCommit } from './commit-packing.ts';
import { busyWaitMs, Hands, isWork, openingMs, type PortCall, type PortedError, portError } from './port.ts';
import { isBusy, storeError } from './sqlite-errors.ts';
import type { WriterOptions } from './sqlite-writer.ts';

/** A call of `commit`. */
export interface CommitMessage {
  readonly kind: 'commit';
  readonly id: number;
  readonly commits: readonly PackedCommit[];
  /** How many failed commits the caller had heard of: one that was sent before it heard of the last is not carried out. */
  readonly heard: number;
}

/** What the thread is told. */
export type ToWriter =
  | CommitMessage
  | { readonly kind: 'call'; readonly id: number; readonly call: PortCall }
  | { readonly kind: 'close' };

/** What the thread says. */
export type FromWriter =
  | { readonly kind: 'open' }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: PortedError }
  | { readonly kind: 'committed'; readonly ids: readonly number[] }
  | { readonly kind: 'failed'; readonly ids: readonly number[]; readonly error: PortedError; readonly failures: number }
  | { readonly kind: 'closed' };

/** Commits that wait are written in one transaction, up to so many rows: they share its fsync. */
const ROWS_A_TRANSACTION = 1024;

/** Nobody has committed for so long: the WAL is emptied. */
const IDLE_MS = 200;

const options = workerData as WriterOptions;
const waiting = new Int32Array(new SharedArrayBuffer(4));

/** Nothing else happens on this thread, so it may wait where it stands. */
function patiently<Answer>(work: () => Answer, forMs: number): Answer {
  let waitedMs = 0;
  for (let tries = 0; ; tries += 1) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || waitedMs >= forMs) throw storeError(error, 'open', options.connection.path);
    }
    // Two writers must not wait in step; the process id is chance enough between processes.
    const waitMs = busyWaitMs(tries, ((process.pid * 31 + tries * 17) % 97) / 97);
    Atomics.wait(waiting, 0, 0, waitMs);
    waitedMs += waitMs;
  }
}

/** Drives work to its end without a pause: here nobody waits for the loop. */
function driven(answer: unknown): unknown {
  if (!isWork(answer)) return answer;
  let step = answer.next();
  while (step.done !== true) step = answer.next();
  return step.value;
}

/**
 * Carries out what it is told, in order. Commits that lie in wait one behind the other become one transaction. When
 * it fails, so does what was sent behind it before that was heard of: a commit must not overtake one that failed.
 */
class Service {
  readonly #hands: Hands;
  readonly #say: (message: FromWriter) => void;
  #idle: NodeJS.Timeout | undefined;
  #failures = 0;
  #lastFailure: PortedError = { message: '' };

  constructor(hands: Hands, say: (message: FromWriter) => void) {
    this.#hands = hands;
    this.#say = say;
    hands.writer.checkpointRarely();
  }

  serve(messages: readonly ToWriter[]): void {
    let group: CommitMessage[] = [];
    let rows = 0;
    for (const message of messages) {
      const joins = message.kind === 'commit' && rows < ROWS_A_TRANSACTION;
      if (group.length > 0 && !joins) {
        this.#commit(group);
        group = [];
        rows = 0;
      }
      if (message.kind !== 'commit') this.#perform(message);
      else {
        group.push(message);
        for (const { jobs } of message.commits) rows += jobs.length;
      }
    }
    if (group.length > 0) this.#commit(group);
  }

  #commit(group: readonly CommitMessage[]): void {
    const timely = group.filter(({ heard }) => heard === this.#failures);
    const late = group.filter(({ heard }) => heard !== this.#failures).map(({ id }) => id);
    if (late.length > 0) this.#fail(late);
    if (timely.length === 0) return;
    const ids = timely.map(({ id }) => id);
    try {
      const commits = timely.flatMap((message) => message.commits);
      patiently(() => driven(this.#hands.writer.commit(commits)), options.busyMs);
      this.#say({ kind: 'committed', ids });
      this.#checkpointWhenIdle();
    } catch (error) {
      this.#failures += 1;
      this.#lastFailure = portError(error);
      this.#fail(ids);
    }
  }

  #checkpointWhenIdle(): void {
    // A clock is functions, and cannot be handed to a thread.
    // oxlint-disable-next-line no-restricted-globals
    this.#idle ??= setTimeout(() => this.#hands.writer.checkpoint(), IDLE_MS);
    this.#idle.refresh();
  }

  #fail(ids: readonly number[]): void {
    this.#say({ kind: 'failed', ids, error: this.#lastFailure, failures: this.#failures });
  }

  #perform(message: Exclude<ToWriter, CommitMessage>): void {
    if (message.kind === 'close') {
      clearTimeout(this.#idle);
      this.#hands.writer.close();
      this.#say({ kind: 'closed' });
      parentPort?.close();
      return;
    }
    const { id, call } = message;
    try {
      const answer = patiently(() => driven(this.#hands.perform(call)), options.busyMs);
      this.#say({ kind: 'answer', id, answer });
    } catch (error) {
      this.#say({ kind: 'error', id, error: portError(error) });
    }
  }
}

/** The message and all that have come behind it. */
function arrived(port: MessagePort, first: ToWriter): readonly ToWriter[] {
  const messages = [first];
  for (;;) {
    const next = receiveMessageOnPort(port) as { readonly message: ToWriter } | undefined;
    if (next === undefined) return messages;
    messages.push(next.message);
  }
}

function begin(port: MessagePort): void {
  const say = (message: FromWriter): void => port.postMessage(message);
  try {
    const service = new Service(
      patiently(() => new Hands(options), openingMs(options)),
      say,
    );
    port.on('message', (message: ToWriter) => service.serve(arrived(port, message)));
    say({ kind: 'open' });
  } catch (error) {
    say({ kind: 'error', id: 0, error: portError(error) });
  }
}

if (parentPort !== null) begin(parentPort);
