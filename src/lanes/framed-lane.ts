import { closeSync, openSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Socket } from 'node:net';
import { registerResolver } from '../calls/lane-face.ts';
import { watchOver, watchStream } from './child-lane.ts';
import { encodeFrame, FrameReader, PREAMBLE, writeWhole } from './frames.ts';
import { laneClock } from './lane-clock.ts';
import type { ToWorker } from './protocol.ts';
import { LaneWorker } from './worker.ts';
import type { Slots } from './worker-slots.ts';

/**
 * A lane over streams of bytes, for where there is nothing better: frames come in by standard input and go out by
 * standard output, or by the descriptors `--in` and `--out`. With `--watch` the watchdog listens on a socket of that
 * number, as in a forked lane; without, it reads the frames, and the end of its input is the end of the lane. `--note` is a
 * file for its last claim, `--store` the store's directory, where it can be reached.
 *
 * What is said has left this process when `post` returns, however it ends after that.
 */
export function serveFrames(argv: readonly string[]): void {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      in: { type: 'string' },
      out: { type: 'string' },
      watch: { type: 'string' },
      note: { type: 'string' },
      store: { type: 'string' },
    },
    strict: false,
  });
  const input = numberOf(values.in) ?? 0;
  const out = numberOf(values.out) ?? freeStandardOutput();
  const reader = new FrameReader<ToWorker>();
  const heard = (chunk: Uint8Array): void => {
    for (const messages of reader.read(chunk)) worker.hear(messages);
  };
  const worker: LaneWorker = new LaneWorker({
    post: (messages) => writeWhole(out, encodeFrame(messages)),
    slots: listen({ input, watch: numberOf(values.watch), note: numberOf(values.note) }, heard),
    clock: laneClock,
    project: process.cwd(),
    store: typeof values.store === 'string' ? values.store : undefined,
    kind: 'process',
    leave: () => process.exit(),
  });
  registerResolver({ inLane: true });
  writeWhole(out, PREAMBLE);
  worker.open();
}

function numberOf(value: string | boolean | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

interface Descriptors {
  readonly input: number;
  readonly watch: number | undefined;
  readonly note: number | undefined;
}

function listen({ input, watch, note }: Descriptors, heard: (chunk: Uint8Array) => void): Slots {
  if (watch === undefined) return watchStream(input, heard);
  new Socket({ fd: input, readable: true, writable: false }).on('data', heard);
  return watchOver(watch, note);
}

/**
 * Gives a descriptor for the frames alone, and makes standard output what standard error is: what native code or the
 * children of a call write there is no frame. Where that can't be had, as with sockets, both stay one.
 */
function freeStandardOutput(): number {
  try {
    const out = openSync('/proc/self/fd/1', 'a');
    const errors = openSync('/proc/self/fd/2', 'a');
    closeSync(errors);
    closeSync(1);
    // The lowest number that is free: 1.
    openSync('/proc/self/fd/2', 'a');
    return out;
  } catch {
    return 1;
  }
}
