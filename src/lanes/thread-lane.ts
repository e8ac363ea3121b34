import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { registerResolver } from '../calls/lane-face.ts';
import { laneClock } from './lane-clock.ts';
import { type OnPort, packFromWorker, UnpackerInWorker } from './plain-text.ts';
import { Patience } from './patience.ts';
import { IS_ASLEEP, SENT, type ToWorker } from './protocol.ts';
import { LaneWorker } from './worker.ts';
import { sharedSlots } from './worker-slots.ts';

/** What the host gives a thread. */
export interface ThreadData {
  /** Words of its slots, which both see. */
  readonly words: SharedArrayBuffer;
  /** Two words: how many lists were sent to it, and whether it sleeps until the next. */
  readonly sent: SharedArrayBuffer;
  /** Where packages are looked for. @default the working directory */
  readonly project?: string;
  /** The store's directory, where files that calls are given lie. */
  readonly store?: string;
}

/** How long a thread that has nothing to do waits for the next call before it sees to its event loop again. */
const REST_MS = 2;
/** How long it looks for the next call before it sleeps: to wake it costs its host more than a call. */
const LOOK_MS = 0.05;
/** Looks between two at the clock. */
const LOOKS = 50;

const data = workerData as ThreadData;
const sent = new Int32Array(data.sent);
const port = parentPort as MessagePort;
const patience = new Patience();
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
  store: data.store,
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
    const seen = Atomics.load(sent, SENT);
    const received = receiveMessageOnPort(port) as { readonly message: OnPort<ToWorker> } | undefined;
    if (received !== undefined) worker.hear(unpacker.unpack(received.message));
    else if (!isNextIn(seen)) break;
  }
  isListening = false;
}

/** Waits for the next list, awake at first; false when none comes. */
function isNextIn(seen: number): boolean {
  // Where calls take their time others have more use for the core.
  if (worker.wasBrisk && patience.isWorthIt()) {
    const hasCome = looksOut(seen);
    patience.learn(hasCome);
    if (hasCome) return true;
  }
  // Said before the count is looked at once more: a list that is sent meanwhile is seen there.
  Atomics.store(sent, IS_ASLEEP, 1);
  const how = Atomics.wait(sent, SENT, seen, REST_MS);
  Atomics.store(sent, IS_ASLEEP, 0);
  return how !== 'timed-out';
}

function looksOut(seen: number): boolean {
  const until = laneClock.now().mono + LOOK_MS;
  do {
    for (let i = 0; i < LOOKS; i += 1) {
      if (Atomics.load(sent, SENT) !== seen) return true;
      Atomics.pause();
    }
  } while (laneClock.now().mono < until);
  return false;
}

registerResolver({ inLane: true });
port.on('message', (received: OnPort<ToWorker>) => listen(received));
worker.open();
