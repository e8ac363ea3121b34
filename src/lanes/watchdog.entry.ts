import { Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { recallCounted } from './worker-slots.ts';

/**
 * The watchdog of a child process: a thread of its own, so that it hears even while the main thread computes. It listens
 * on a socket to the host. At its end the host is dead, and with it goes everything of this lane: the whole process
 * group. A number of 4 bytes (little end first) takes back the call of that slot and is answered by the same number,
 * its highest bit set when the call has not been made and never will be.
 */
export interface WatchdogData {
  /** Of the socket to the host; or of the stream that brings the messages, where there is no such socket. */
  readonly descriptor: number;
  /** Words of the slots. Without them what comes is passed on to the main thread. */
  readonly words?: SharedArrayBuffer;
}

const TAKEN_BACK = 0x80000000;

const { descriptor, words } = workerData as WatchdogData;
const socket = new Socket({ fd: descriptor, readable: true, writable: words !== undefined });

function killAll(): void {
  try {
    process.kill(-process.pid, 'SIGKILL');
  } catch {
    // We lead no group: whoever does is not ours to kill.
    process.kill(process.pid, 'SIGKILL');
  }
}

/** Answers the numbers in what has come; gives what is left of it. */
function answer(bytes: Buffer, shared: Int32Array): Buffer {
  let at = 0;
  for (; at + 4 <= bytes.length; at += 4) {
    const slot = bytes.readUInt32LE(at);
    const reply = Buffer.alloc(4);
    reply.writeUInt32LE(recallCounted(shared, slot) ? slot + TAKEN_BACK : slot);
    socket.write(reply);
  }
  return bytes.subarray(at);
}

if (words === undefined) {
  socket.on('data', (chunk) => parentPort?.postMessage(new Uint8Array(chunk)));
} else {
  const shared = new Int32Array(words);
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    rest = answer(Buffer.concat([rest, chunk]), shared);
  });
}
socket.on('error', killAll);
socket.on('close', killAll);
socket.on('end', killAll);
