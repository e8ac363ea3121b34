import { type ChildProcess, fork, spawn } from 'node:child_process';
import { closeSync, openSync, readSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type Clock, HeddleError } from '../model/index.ts';
import { childFlags } from '../process/index.ts';
import { FRAMES_IN_DESCRIPTOR, FRAMES_OUT_DESCRIPTOR, NOTE_DESCRIPTOR, WATCH_DESCRIPTOR } from './child-lane.ts';
import { ChildTransport, type Wire } from './child-transport.ts';
import { frameWire } from './frame-wire.ts';
import { heapFlags } from './heap-limits.ts';
import { laneEnvironment } from './lane-environment.ts';
import type { FromWorker } from './protocol.ts';
import type { LaneShape, OpenTransport } from './transport.ts';
import { NOTE_BYTES } from './worker-slots.ts';

export interface LocalOptions {
  readonly clock: Clock;
  /** Its working directory, from which packages are looked for. */
  readonly project: string;
  /** The store's directory, absolute: where files that calls are given lie. */
  readonly store?: string;
}

/** How a worker of this machine is started, and what carries its messages. */
interface Way {
  start(start: ChildStart): ChildProcess;
  wire(child: ChildProcess, heard: (messages: readonly FromWorker[]) => void): Wire;
}

interface ChildStart {
  readonly project: string;
  readonly store: string;
  readonly flags: readonly string[];
  /** Descriptor of the file for its notes. */
  readonly note: number;
}

/**
 * Workers in child processes of this one, each with a process group of its own, spoken to by frames over pipes. What such
 * a worker has said is written before it goes on: nothing of it is lost, however it ends.
 */
export function pipeTransport(options: LocalOptions): OpenTransport {
  return localTransport(PIPED, options);
}

/**
 * The same over the IPC channel of `fork`. What a worker has said leaves it as its event loop turns: beyond what the
 * channel holds, words before `process.exit` are lost.
 */
export function forkTransport(options: LocalOptions): OpenTransport {
  return localTransport(FORKED, options);
}

function localTransport(way: Way, { clock, project, store = '' }: LocalOptions): OpenTransport {
  return (shape, listener) => {
    const note = openNote();
    try {
      const child = way.start({ project, store, flags: flagsOf(shape), note });
      // Told by the missing pid; without a listener it would be thrown.
      child.on('error', () => undefined);
      const { pid } = child;
      if (pid === undefined) throw new HeddleError('BACKEND_UNAVAILABLE', 'no process could be started');
      const watch = streamAt(child, WATCH_DESCRIPTOR);
      const { memoryBytes } = shape;
      return new ChildTransport(
        { child, pid, watch, clock, memoryBytes, wire: (heard) => noted(way.wire(child, heard), note) },
        listener,
      );
    } catch (error) {
      closeSync(note);
      throw error;
    }
  };
}

function flagsOf({ memoryBytes }: LaneShape): readonly string[] {
  if (memoryBytes === undefined) return childFlags();
  return [...childFlags(), ...heapFlags(memoryBytes)];
}

const entryOf = (name: string): string =>
  fileURLToPath(new URL(`./${name}${extname(import.meta.url)}`, import.meta.url));

/** Our end of a pipe: a socket, whatever the types of the first five say. */
function streamAt({ stdio }: ChildProcess, descriptor: number): Duplex {
  return (stdio as readonly unknown[])[descriptor] as Duplex;
}

const PIPED: Way = {
  start: ({ project, store, flags, note }) => {
    const descriptors = {
      '--in': FRAMES_IN_DESCRIPTOR,
      '--out': FRAMES_OUT_DESCRIPTOR,
      '--watch': WATCH_DESCRIPTOR,
      '--note': NOTE_DESCRIPTOR,
    };
    const args = Object.entries(descriptors).flatMap(([name, descriptor]) => [name, String(descriptor)]);
    return spawn(process.execPath, [...flags, entryOf('stdio.entry'), ...args, '--store', store], {
      cwd: project,
      env: laneEnvironment(),
      detached: true,
      // In the order of the descriptors.
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe', note, 'pipe'],
    });
  },
  wire: (child, heard) =>
    frameWire(
      {
        child,
        input: streamAt(child, FRAMES_IN_DESCRIPTOR),
        output: streamAt(child, FRAMES_OUT_DESCRIPTOR),
      },
      heard,
    ),
};

const FORKED: Way = {
  start: ({ project, store, flags, note }) =>
    fork(entryOf('fork.entry'), [store], {
      cwd: project,
      env: laneEnvironment(),
      detached: true,
      serialization: 'advanced',
      // The channel stands where frames come in.
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'ipc', note],
      execArgv: [...flags],
    }),
  wire: (child, heard) => {
    child.on('message', (messages) => heard(messages as unknown as readonly FromWorker[]));
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
    };
  },
};

/** With what the worker notes in a file both have open. */
function noted(wire: Wire, note: number): Wire {
  const last = new Int32Array(1);
  return {
    ...wire,
    readNote: () => (readSync(note, last, 0, NOTE_BYTES, 0) < NOTE_BYTES ? 0 : (last[0] as number)),
    close: () => {
      wire.close?.();
      closeSync(note);
    },
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
