import { parentPort, workerData } from 'node:worker_threads';
import { registerResolver } from '../calls/index.ts';
import { laneClock } from './lane-clock.ts';
import type { ToWorker } from './protocol.ts';
import { LaneWorker } from './worker.ts';
import { sharedSlots } from './worker-slots.ts';

/** What the host gives a thread. */
export interface ThreadData {
  /** Words of its slots, which both see. */
  readonly words: SharedArrayBuffer;
  /** Where packages are looked for. @default the working directory */
  readonly project?: string;
}

const { words, project } = workerData as ThreadData;

const worker = new LaneWorker({
  post: (messages, transfer) => parentPort?.postMessage(messages, transfer),
  slots: sharedSlots(new Int32Array(words)),
  clock: laneClock,
  project: project ?? process.cwd(),
  kind: 'thread',
  leave: () => process.exit(),
});

registerResolver();
parentPort?.on('message', (messages: readonly ToWorker[]) => worker.hear(messages));
worker.open();
