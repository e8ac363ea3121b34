/* oxlint-disable node/no-process-env -- where private files of this user may lie is a matter of the environment */
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { quoteWord } from '../../model/index.ts';
import { STDERR_FILE, STDOUT_FILE } from '../../process/index.ts';

const PRIVATE_FILE = 0o600;
const PRIVATE_DIRECTORY = 0o700;

/**
 * Files through which the secrets of commands reach their processes: outside of the store, readable for this user alone, in
 * memory where the system has a place for that. `command.sh` reads its own and deletes it before the command begins.
 */
export class SecretFiles {
  #directory: string | undefined;

  /** Writes the variables of an attempt; gives the file's path. */
  write(attempt: string, variables: Readonly<Record<string, string>>): string {
    this.#directory ??= mkdtempSync(join(privatePlace(), 'heddle-secrets-'));
    mkdirSync(this.#directory, { recursive: true, mode: PRIVATE_DIRECTORY });
    const path = this.#pathOf(attempt);
    const lines = Object.entries(variables).map(([name, value]) => `${name}=${quoteWord(value)}\n`);
    rmSync(path, { force: true });
    writeFileSync(path, lines.join(''), { mode: PRIVATE_FILE, flag: 'wx' });
    return path;
  }

  /** What an attempt has not read is not to be read any more. */
  drop(attempt: string): void {
    if (this.#directory !== undefined) rmSync(this.#pathOf(attempt), { force: true });
  }

  /** Removes what is left, but for what attempts that outlive us are still to read. */
  close(isWanted: boolean): void {
    if (this.#directory !== undefined && !isWanted) rmSync(this.#directory, { recursive: true, force: true });
  }

  #pathOf(attempt: string): string {
    return join(this.#directory ?? '', attempt);
  }
}

/** Memory of this user's session, or of the machine, else where temporary files lie. */
function privatePlace(): string {
  for (const place of [process.env['XDG_RUNTIME_DIR'], '/dev/shm']) {
    if (place !== undefined && statSync(place, { throwIfNoEntry: false })?.isDirectory() === true && isWritable(place))
      return place;
  }
  return tmpdir();
}

function isWritable(place: string): boolean {
  try {
    rmSync(mkdtempSync(join(place, 'heddle-probe-')), { recursive: true });
    return true;
  } catch {
    return false;
  }
}

/** What is captured of an attempt with secrets is for its user alone while it may still hold them. */
export function makeStreamsPrivate(directory: string): void {
  for (const name of [STDOUT_FILE, STDERR_FILE]) closeSync(openSync(join(directory, name), 'a', PRIVATE_FILE));
}

/** Lines of `command.sh` that take the secrets in; by hand they are to be in the environment. */
export function secretLines(path: string, names: readonly string[], describe: (name: string) => string): string {
  const file = quoteWord(path);
  const checks = names.map(
    (name) => `: "\${${name}:?is a ${describe(name)}: set it, then sh command.sh}"\nexport ${name}\n`,
  );
  return `[ ! -r ${file} ] || { . ${file}; rm -f ${file}; }\n${checks.join('')}`;
}
