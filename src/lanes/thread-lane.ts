import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { registerResolver } from '../calls/lane-face.ts';
import { laneClock } from './lane-clock.ts';
import { type OnPort, packFromWorker, UnpackerInWorker } from './plain-text.ts';
import type { ToWorker } from './protocol.ts';
import { LaneWorker } from './worker.ts';
import { sharedSlots } from './worker-slots.ts';

/** What the host gives a thread. */
export interface ThreadData {
  /** Words of its slots, which both see. */
  readonly words: SharedArrayBuffer;
  /** One word that counts the lists sent to it. */
  readonly sent: SharedArrayBuffer;
  /** Where packages are looked for. @default the working directory */
  readonly project?: string;
}

/** How long a thread that has nothing to do waits for the next call before it sees to its event loop again. */
const REST_MS = 2;

const data = workerData as ThreadData;
const sent = new Int32Array(data.sent);
const port = parentPort as MessagePort;
const unpacker = new UnpackerInWorker();
let isListening = false;

const worker = new LaneWorker({
  post: (messages, transfer) => {
    if (transfer.length > 0) port.postMessage(messages, transfer);
    else port.postMessage(packFromWorker(messages));
  },
  slots: sharedSlots(new Int32Array(data.words)),
  clock: laneClock,
  project: data.project ?? process.cwd(),
  kind: 'thread',
  leave: () => process.exit(),
  rested: () => {
    if (!isListening) laneClock.soon(() => listen());
  },
});

/**
 * Between two calls it waits for the next where it stands: to be woken there costs a fraction of what it does through
 * the event loop. What earlier calls have left behind in the loop is held up for `REST_MS` at most.
 */
function listen(first?: OnPort<ToWorker>): void {
  isListening = true;
  if (first !== undefined) worker.hear(unpacker.unpack(first));
  while (worker.isIdle) {
    const seen = Atomics.load(sent, 0);
    const received = receiveMessageOnPort(port) as { readonly message: OnPort<ToWorker> } | undefined;
    if (received !== undefined) worker.hear(unpacker.unpack(received.message));
    else if (Atomics.wait(sent, 0, seen, REST_MS) === 'timed-out') break;
  }
  isListening = false;
}

registerResolver({ inLane: true });
port.on('message', (received: OnPort<ToWorker>) => listen(received));
worker.open();
