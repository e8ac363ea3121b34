import { spawn } from 'node:child_process';
import { type Clock, HeddleError } from '../model/index.ts';
import { ChildTransport } from './child-transport.ts';
import { frameWire } from './frame-wire.ts';
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
    const { stdin: input, stdout: output } = child;
    return new ChildTransport(
      {
        child,
        pid,
        watch: undefined,
        clock,
        memoryBytes,
        wire: (heard) => frameWire({ child, input, output }, heard),
        isFramed: true,
      },
      listener,
    );
  };
}
