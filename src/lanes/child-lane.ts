import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { WatchdogData } from './watchdog.entry.ts';
import { CHILD_WORDS, countedSlots, notedSlots, type Slots } from './worker-slots.ts';

/** Where a child process has the socket its watchdog listens on. */
export const WATCH_DESCRIPTOR = 3;

/** Where a lane of this machine has the file that tells, after its death, what it was at. */
export const NOTE_DESCRIPTOR = 5;

/** Where frames come in and go out, in a lane that is spoken to by pipes. */
export const FRAMES_IN_DESCRIPTOR = 4;
export const FRAMES_OUT_DESCRIPTOR = 6;

/**
 * Starts the watchdog of a child process, and gives the slots it shares with it.
 *
 * @param note descriptor of a file for the last claim, where the host gave one
 */
export function watchOver(descriptor: number, note?: number): Slots {
  const words = new SharedArrayBuffer(CHILD_WORDS * Int32Array.BYTES_PER_ELEMENT);
  startWatchdog({ descriptor, words });
  const slots = countedSlots(new Int32Array(words));
  return note === undefined ? slots : notedSlots(slots, note);
}

/** Nothing can be taken back from a worker that has no socket for it. */
export const claimedSlots: Slots = { claim: () => true, ended: () => undefined };

/** Starts the watchdog where messages come by a stream: it reads the stream and passes on what comes. */
export function watchStream(descriptor: number, heard: (chunk: Uint8Array) => void): Slots {
  startWatchdog({ descriptor }).on('message', heard);
  return claimedSlots;
}

function startWatchdog(data: WatchdogData): Worker {
  const entry = new URL(`./watchdog.entry${extname(import.meta.url)}`, import.meta.url);
  const watchdog = new Worker(entry, {
    workerData: data,
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2, stackSizeMb: 1 },
  });
  // A lane without its watchdog could outlive its engine.
  watchdog.on('error', (error) => {
    throw error;
  });
  return watchdog;
}
