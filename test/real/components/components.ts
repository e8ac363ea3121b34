import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Real components tests may ask for, each started (or found) by the script of its name beside this file. */
export const COMPONENTS = ['docker', 'hpc-runtimes', 'podman', 'postgres', 'rocrate', 'sge', 'slurm', 'sshd'] as const;
export type ComponentName = (typeof COMPONENTS)[number];

export type Component =
  /** It runs; `env` says how to reach it. */
  | { readonly available: true; readonly env: Readonly<Record<string, string>> }
  | { readonly available: false; readonly reason: string };

/** What a component script exits with when the machine can't have it (`EX_UNAVAILABLE`). */
const UNAVAILABLE = 69;

/**
 * Starts a real component, or says why this machine has none, so that a test file can skip:
 *
 * ```ts
 * const postgres = await requireComponent('postgres');
 * describe.skipIf(!postgres.available)('the store on PostgreSQL', () => { ... });
 * ```
 *
 * A missing component skips aloud on a user's machine. With `CI` set it throws, since there it must be there; a
 * component that is there and does not start throws everywhere.
 * Several callers share one instance; `setup-components.ts` takes it down after the run.
 */
export async function requireComponent(name: ComponentName): Promise<Component> {
  const answer = await runScript(name, 'up');
  if (answer.code === 0) return { available: true, env: parseEnv(answer.stdout) };
  const reason = answer.stderr.trim();
  if (answer.code !== UNAVAILABLE) throw new Error(`${name} did not start (exit ${answer.code}):\n${reason}`);
  if (isCi()) throw new Error(`${name} is missing, and in CI nothing may be: ${reason}`);
  process.stderr.write(`\nSKIPPED: tests on a real ${name}: ${reason}\n`);
  return { available: false, reason };
}

/** Makes the directory the components of this test run live in, unless one was named by hand. Returns how to end them. */
export async function openComponents(): Promise<() => Promise<void>> {
  if (process.env['HEDDLE_COMPONENTS'] !== undefined) return () => Promise.resolve();
  const directory = await mkdtemp(join(tmpdir(), 'heddle-c-'));
  process.env['HEDDLE_COMPONENTS'] = directory;
  return async () => {
    for (const name of COMPONENTS) await runScript(name, 'down');
    await rm(directory, { recursive: true, force: true });
    delete process.env['HEDDLE_COMPONENTS'];
  };
}

/** True where a missing component is a failure. */
export function isCi(): boolean {
  const ci = process.env['CI'];
  return ci !== undefined && ci !== '' && ci !== '0' && ci !== 'false';
}

interface ScriptAnswer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function runScript(name: ComponentName, verb: 'up' | 'down'): Promise<ScriptAnswer> {
  const script = join(import.meta.dirname, `${name}.sh`);
  return await new Promise((resolve) => {
    execFile('bash', [script, verb], (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, stdout, stderr: stderr === '' && error !== null ? error.message : stderr });
    });
  });
}

function parseEnv(text: string): Record<string, string> {
  const env: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const at = line.indexOf('=');
    if (at > 0) env[line.slice(0, at)] = line.slice(at + 1);
  }
  return env;
}
