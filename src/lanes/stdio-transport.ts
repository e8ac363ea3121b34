import { type ChildProcess, spawn } from 'node:child_process';
import { type Clock, HeddleError } from '../model/index.ts';
import { ChildTransport, type Wire } from './child-transport.ts';
import { encodeFrame, FrameReader, PREAMBLE } from './frames.ts';
import type { FromWorker } from './protocol.ts';
import type { OpenTransport } from './transport.ts';

export interface StdioOptions {
  readonly clock: Clock;
  /** A program and its arguments that serve a lane on standard input and output: `heddle lane`, however it is reached. */
  readonly command: readonly [program: string, ...args: string[]];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Workers behind any command that speaks frames: over ssh, in a container, in an allocation. Nothing is taken back once
 * it was sent there; the end of its input is the end of such a lane. Its bytes are v8's: only for peers that are ours.
 */
export function stdioTransport({ clock, command, cwd, env }: StdioOptions): OpenTransport {
  const [program, ...args] = command;
  return ({ memoryBytes }, listener) => {
    const child = spawn(program, args, { cwd, env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    // Told by the missing pid; without a listener it would be thrown.
    child.on('error', () => undefined);
    const { pid } = child;
    if (pid === undefined) throw new HeddleError('BACKEND_UNAVAILABLE', `'${program}' could not be started`);
    const wire = (heard: (messages: readonly FromWorker[]) => void): Wire => frames(child, heard);
    return new ChildTransport({ child, pid, watch: undefined, clock, memoryBytes, wire, isFramed: true }, listener);
  };
}

function frames(child: ChildProcess, heard: (messages: readonly FromWorker[]) => void): Wire {
  const { stdin, stdout } = child;
  // What a login shell says first is no frame.
  const reader = new FrameReader<FromWorker>(PREAMBLE);
  stdin?.on('error', () => undefined);
  stdout?.on('data', (chunk: Uint8Array) => {
    try {
      for (const messages of reader.read(chunk)) heard(messages);
    } catch {
      // Whoever answers there is no lane. It is known by its end, as any other that is of no use.
      child.kill('SIGKILL');
    }
  });
  return {
    send: (messages) => void stdin?.write(encodeFrame(messages)),
    closed: new Promise((resolve) => {
      stdout?.once('close', () => resolve());
    }),
    // Its streams are held with the child.
    hold: () => undefined,
  };
}
