import { parentPort, workerData } from 'node:worker_threads';
import { busyWaitMs, Hands, isWork, openingMs, type PortCall, type PortedError, portError } from './port.ts';
import { isBusy, storeError } from './sqlite-errors.ts';
import type { WriterOptions } from './sqlite-writer.ts';

/** What the thread is told. */
export type ToWriter =
  | { readonly kind: 'call'; readonly id: number; readonly call: PortCall }
  | { readonly kind: 'close' };

/** What the thread says. */
export type FromWriter =
  | { readonly kind: 'open' }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: PortedError }
  | { readonly kind: 'closed' };

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

function perform(hands: Hands, call: PortCall): unknown {
  return patiently(() => {
    const answer = hands.perform(call);
    if (!isWork(answer)) return answer;
    let step = answer.next();
    while (step.done !== true) step = answer.next();
    return step.value;
  }, options.busyMs);
}

function serve(hands: Hands, say: (message: FromWriter) => void): void {
  parentPort?.on('message', (message: ToWriter) => {
    if (message.kind === 'close') {
      hands.writer.close();
      say({ kind: 'closed' });
      parentPort?.close();
      return;
    }
    try {
      say({ kind: 'answer', id: message.id, answer: perform(hands, message.call) });
    } catch (error) {
      say({ kind: 'error', id: message.id, error: portError(error) });
    }
  });
  say({ kind: 'open' });
}

const say = (message: FromWriter): void => parentPort?.postMessage(message);
try {
  serve(
    patiently(() => new Hands(options), openingMs(options)),
    say,
  );
} catch (error) {
  say({ kind: 'error', id: 0, error: portError(error) });
}
