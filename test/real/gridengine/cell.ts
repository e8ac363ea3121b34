import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gridEngineBackend, type GridEngineBackendOptions } from '../../../src/backends/gridengine/index.ts';
import { localTransport } from '../../../src/backends/transport/index.ts';
import type { Backend } from '../../../src/model/index.ts';
import { systemClock, systemRandom } from '../../../src/process/index.ts';
import type { BackendFixture } from '../../../src/testing/index.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { requireComponent } from '../components/components.ts';

const execFileAsync = promisify(execFile);

/** The cell this run of tests shares. */
export const cell: Awaited<ReturnType<typeof requireComponent>> = await requireComponent('sge');
if (cell.available) Object.assign(process.env, cell.env);

/** The wrappers in /usr/bin know the package's own cell only. */
export const SETUP = 'PATH=$SGE_BIN:$PATH';

/** A backend on the cell, in a folder of its own below one whose name shells and Grid Engine could trip over. */
export async function onCell(
  options: Partial<GridEngineBackendOptions> = {},
  folder: string = ownFolder('gridengine'),
): Promise<BackendFixture> {
  const project = join(folder, 'a "$HOME", ü; %J');
  const directory = join(project, 'store');
  mkdirSync(directory, { recursive: true });
  const open = (): Backend =>
    gridEngineBackend({
      name: 'cell',
      transport: localTransport({ clock: systemClock }),
      ...options,
      gridEngine: { setup: SETUP, graceSeconds: 2, ...options.gridEngine },
      settings: { pollMs: { floor: 250, ceiling: 1000 }, settleMs: 2000, timeMs: 600_000, ...options.settings },
    });
  const backend = open();
  return {
    backend,
    successor: open,
    // It takes six or seven jobs a second.
    many: 50,
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
export async function runTool(program: string, ...args: readonly string[]): Promise<string> {
  const path = `${process.env['SGE_BIN'] ?? ''}:${process.env['PATH'] ?? ''}`;
  const { stdout } = await execFileAsync(program, args, { env: { ...process.env, PATH: path } });
  return stdout;
}

/** Kills the daemon that watches over jobs on the node, and starts it again after `meanwhile`. */
export async function restartExecd(meanwhile: () => Promise<void>): Promise<void> {
  const pid = Number(readFileSync(join(process.env['SGE_LAB'] ?? '', 'execd.pid'), 'utf8'));
  process.kill(pid, 'SIGKILL');
  await meanwhile();
  await requireComponent('sge');
}
