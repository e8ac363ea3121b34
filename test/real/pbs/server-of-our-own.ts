import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pbsBackend } from '../../../src/backends/pbs/index.ts';
import type { RemoteSettings } from '../../../src/backends/remote/index.ts';
import { localTransport } from '../../../src/backends/transport/index.ts';
import type { Backend } from '../../../src/model/index.ts';
import { systemClock, systemRandom } from '../../../src/process/index.ts';
import type { BackendFixture } from '../../../src/testing/index.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';
import type { StandIn } from './stand-in/start.ts';

/** A backend on a server, in a folder of its own below one whose name shells could trip over. */
export async function onServer({ bin }: StandIn, settings: RemoteSettings = {}): Promise<BackendFixture> {
  const folder = ownFolder('pbs');
  const project = join(folder, 'a "$HOME", ü; %J');
  const directory = join(project, 'store');
  mkdirSync(directory, { recursive: true });
  const open = (): Backend =>
    pbsBackend({
      name: 'pbs',
      transport: localTransport({ clock: systemClock }),
      pbs: { bin, graceSeconds: 2 },
      settings: { pollMs: { floor: 250, ceiling: 1000 }, settleMs: 2000, timeMs: 600_000, ...settings },
    });
  const backend = open();
  return {
    backend,
    successor: open,
    many: 100,
    clock: systemClock,
    random: systemRandom,
    directory,
    project,
    [Symbol.asyncDispose]: async () => {
      await backend[Symbol.asyncDispose]();
      await giveBack(folder);
    },
  };
}

/** Runs one of the system's own programs and answers what it printed. */
export async function runTool({ bin }: StandIn, program: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(join(bin, program), args);
  return stdout;
}

/** Runs shell text where the system's programs are known, and answers what it printed. */
export async function runShell({ bin }: StandIn, text: string): Promise<string> {
  const { stdout } = await promisify(execFile)('sh', ['-c', `PATH='${bin}':$PATH\n${text}`]);
  return stdout;
}
