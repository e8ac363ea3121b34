import { registerResolver } from '../calls/lane-face.ts';
import { NOTE_DESCRIPTOR, WATCH_DESCRIPTOR, watchOver } from './child-lane.ts';
import { laneClock } from './lane-clock.ts';
import type { ToWorker } from './protocol.ts';
import { LaneWorker } from './worker.ts';

/**
 * A lane in a child process of the engine's machine: lists of messages over the IPC channel of `fork` (serialization
 * `advanced`), a socket to its watchdog as descriptor 3, a file for its last claim as descriptor 5, and a process group of its own (`detached`). Its working
 * directory is where packages are looked for, its argument the store's directory.
 */

let onTheWay = 0;
let isLeaving = false;

const exitWhenSent = (): void => {
  if (isLeaving && onTheWay === 0) process.exit();
};

const worker = new LaneWorker({
  post: (messages) => {
    onTheWay += 1;
    process.send?.(messages, undefined, undefined, () => {
      onTheWay -= 1;
      exitWhenSent();
    });
  },
  slots: watchOver(WATCH_DESCRIPTOR, NOTE_DESCRIPTOR),
  clock: laneClock,
  project: process.cwd(),
  store: process.argv[2],
  kind: 'process',
  leave: () => {
    isLeaving = true;
    exitWhenSent();
  },
});

registerResolver({ inLane: true });
process.on('message', (messages) => worker.hear(messages as readonly ToWorker[]));
// The watchdog sees the same and kills what does not go by itself.
process.on('disconnect', () => process.exit());
worker.open();
