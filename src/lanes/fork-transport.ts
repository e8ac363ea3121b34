import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, openSync, readSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type Clock, HeddleError } from '../model/index.ts';
import { WATCH_DESCRIPTOR } from './child-lane.ts';
import { ChildTransport, type Wire } from './child-transport.ts';
import { childFlags } from './inherited-flags.ts';
import { laneEnvironment } from './lane-environment.ts';
import type { FromWorker } from './protocol.ts';
import type { OpenTransport } from './transport.ts';
import { NOTE_BYTES } from './worker-slots.ts';

const MIB = 1024 * 1024;
export interface ForkOptions {
  readonly clock: Clock;
  /** Its working directory, from which packages are looked for. */
  readonly project: string;
}

/** Workers in child processes of this one, each with a process group of its own. */
export function forkTransport({ clock, project }: ForkOptions): OpenTransport {
  return ({ memoryBytes }, listener) => {
    const note = openNote();
    try {
      const entry = fileURLToPath(new URL(`./fork.entry${extname(import.meta.url)}`, import.meta.url));
      const child = fork(entry, [], {
        cwd: project,
        env: laneEnvironment(),
        detached: true,
        serialization: 'advanced',
        // Its watchdog's socket is 3, the channel 4, the note 5.
        stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'ipc', note],
        execArgv: [
          ...childFlags(),
          ...(memoryBytes === undefined ? [] : [`--max-old-space-size=${Math.max(16, Math.floor(memoryBytes / MIB))}`]),
        ],
      });
      // Told by the missing pid; without a listener it would be thrown.
      child.on('error', () => undefined);
      const { pid } = child;
      if (pid === undefined) throw new HeddleError('BACKEND_UNAVAILABLE', 'no process could be started');
      const watch = child.stdio[WATCH_DESCRIPTOR] as Duplex;
      return new ChildTransport(
        { child, pid, watch, clock, memoryBytes, wire: (heard) => ipc(child, note, heard) },
        listener,
      );
    } catch (error) {
      closeSync(note);
      throw error;
    }
  };
}

function ipc(child: ChildProcess, note: number, heard: (messages: readonly FromWorker[]) => void): Wire {
  child.on('message', (messages) => heard(messages as unknown as readonly FromWorker[]));
  const last = new Int32Array(1);
  return {
    // What cannot be written any more is told by the exit.
    send: (messages) => void child.send(messages as object[], () => undefined),
    closed: new Promise((resolve) => {
      child.once('disconnect', () => resolve());
    }),
    hold: (isHeld) => {
      if (isHeld) child.channel?.ref();
      else child.channel?.unref();
    },
    readNote: () => (readSync(note, last, 0, NOTE_BYTES, 0) < NOTE_BYTES ? 0 : (last[0] as number)),
    close: () => closeSync(note),
  };
}

let notes = 0;

/** A file without a name, which parent and child have open. */
function openNote(): number {
  notes += 1;
  const path = join(tmpdir(), `heddle-lane-${process.pid}-${notes}`);
  const descriptor = openSync(path, 'wx+', 0o600);
  unlinkSync(path);
  return descriptor;
}
