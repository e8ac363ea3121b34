import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServerOptions } from './server.ts';

/** A server that runs, and where its commands are. */
export interface StandIn extends AsyncDisposable {
  readonly bin: string;
  /** Ends the server and all its jobs, as a machine that loses its power. */
  stop(): Promise<void>;
}

const COMMANDS = ['qsub', 'qstat', 'qselect', 'qdel', 'qhold', 'qrls'];

export async function startStandIn(options: Omit<ServerOptions, 'directory'> = {}): Promise<StandIn> {
  const directory = mkdtempSync(join(tmpdir(), 'heddle-pbs-'));
  const bin = join(directory, 'bin');
  const socket = join(directory, 'socket');
  mkdirSync(bin);
  const client = join(import.meta.dirname, 'client.entry.ts');
  for (const command of COMMANDS)
    writeFileSync(
      join(bin, command),
      `#!/bin/sh\nexec '${process.execPath}' '${client}' '${socket}' ${command} "$@"\n`,
      {
        mode: 0o755,
      },
    );
  const entry = join(import.meta.dirname, 'server.entry.ts');
  const server = spawn(process.execPath, [entry, socket, JSON.stringify({ ...options, directory })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(server.stdout, 'data');
  const stop = async (): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, 'exit');
    server.kill('SIGTERM');
    await ended;
  };
  return {
    bin,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
