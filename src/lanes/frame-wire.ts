import type { ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { Wire } from './child-transport.ts';
import { encodeFrame, FrameReader, PREAMBLE } from './frames.ts';
import type { FromWorker } from './protocol.ts';

/** A child that speaks frames, and the two streams that carry them. */
export interface FramedChild {
  readonly child: ChildProcess;
  readonly input: Writable;
  readonly output: Readable;
}

/** Messages as frames over two streams of a child. */
export function frameWire(
  { child, input, output }: FramedChild,
  heard: (messages: readonly FromWorker[]) => void,
): Wire {
  // What a login shell says first is no frame.
  const reader = new FrameReader<FromWorker>(PREAMBLE);
  // What cannot be written any more is told by the exit.
  input.on('error', () => undefined);
  output.on('error', () => undefined);
  output.on('data', (chunk: Uint8Array) => {
    try {
      for (const messages of reader.read(chunk)) heard(messages);
    } catch {
      // Whoever answers there is no lane. It is known by its end, as any other that is of no use.
      child.kill('SIGKILL');
    }
  });
  return {
    send: (messages) => void input.write(encodeFrame(messages)),
    closed: new Promise((resolve) => {
      output.once('close', () => resolve());
    }),
    hold: (isHeld) => {
      for (const stream of [input, output]) {
        const held = stream as { ref?(): void; unref?(): void };
        if (isHeld) held.ref?.();
        else held.unref?.();
      }
    },
    close: () => {
      input.destroy();
      output.destroy();
    },
  };
}
