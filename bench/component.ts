import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What a component script exits with where the machine can't have it. */
const UNAVAILABLE = 69;

/** A real component by the tests' own script, for as long as it is measured; undefined, said aloud, where there is none. */
export function component(name: 'slurm' | 'sshd'): (Disposable & { readonly env: NodeJS.ProcessEnv }) | undefined {
  const home = mkdtempSync(join(tmpdir(), 'heddle-b-'));
  const run = (verb: 'up' | 'down') =>
    spawnSync('bash', [fileURLToPath(new URL(`../test/real/components/${name}.sh`, import.meta.url)), verb], {
      encoding: 'utf8',
      env: { ...process.env, HEDDLE_COMPONENTS: home },
    });
  const { status, stdout, stderr } = run('up');
  const close = (): void => {
    run('down');
    rmSync(home, { recursive: true, force: true });
  };
  if (status !== 0) {
    close();
    if (status !== UNAVAILABLE) throw new Error(`${name} did not start: ${stderr}`);
    console.error(`NOT MEASURED: there is no ${name} here: ${stderr.trim()}`);
    return undefined;
  }
  const pairs = stdout.split('\n').flatMap((line) => {
    const at = line.indexOf('=');
    return at > 0 ? [[line.slice(0, at), line.slice(at + 1)] as const] : [];
  });
  return { env: Object.fromEntries(pairs), [Symbol.dispose]: close };
}
