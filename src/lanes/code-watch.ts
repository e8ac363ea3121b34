import { readFileSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CallReference, Clock } from '../model/index.ts';

/** Looking may take this share of the time: a module of many files is looked at less often. */
const SHARE = 0.005;
/** How files are found whose extension an import leaves out, as `require` does. */
const EXTENSIONS = ['', '.js', '.cjs', '.mjs', '.ts', '.mts', '.cts', '.json', '/index.js', '/index.ts'];
const SPECIFIER = /(?:\bfrom|\bimport|\brequire\s*\(|\bimport\s*\()\s*(['"])(\.{1,2}\/[^'"\n]+)\1/g;

interface Watched {
  readonly files: readonly string[];
  /** Not looked at again before this, on the monotonic clock. Never, where there is no file. */
  readonly nextLook: number;
}

/**
 * Notices that modules which calls come from have changed on disk, with what they import by relative paths: by size,
 * time and inode of each file. Any change raises the `epoch`; a worker that is older runs old code.
 */
export class CodeWatch {
  readonly #clock: Clock;
  readonly #modules = new Map<string, Watched>();
  readonly #signatures = new Map<string, string>();
  #epoch = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Raised whenever a change was seen. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Looks at what a call comes from, if it is time to; `now` is on the monotonic clock. */
  look(reference: CallReference, now: number): void {
    if (reference.kind !== 'module') return;
    const watched = this.#modules.get(reference.module);
    if (watched !== undefined && now < watched.nextLook) return;
    const begin = this.#clock.now().mono;
    // All of them, so that each is known as it is now.
    const isChanged = watched === undefined || watched.files.map((file) => this.#hasChanged(file)).includes(true);
    const files = isChanged ? this.#filesOf(reference.module) : watched.files;
    const end = this.#clock.now().mono;
    this.#modules.set(reference.module, { files, nextLook: end + (end - begin) / SHARE });
  }

  #hasChanged(file: string): boolean {
    const before = this.#signatures.get(file);
    const now = signatureOf(file);
    if (before === now) return false;
    this.#signatures.set(file, now);
    if (before !== undefined) this.#epoch += 1;
    return true;
  }

  /** The files a module is made of. What is not there is watched too: it may come to be. */
  #filesOf(module: string): readonly string[] {
    if (!module.startsWith('file:')) return [];
    const files = new Set([fileURLToPath(module)]);
    for (const file of files) {
      this.#hasChanged(file);
      for (const imported of importsOf(file)) files.add(imported);
    }
    return [...files];
  }
}

function signatureOf(file: string): string {
  try {
    const { size, mtimeMs, ino } = statSync(file);
    return `${size} ${mtimeMs} ${ino}`;
  } catch {
    return '';
  }
}

function importsOf(file: string): readonly string[] {
  if (extname(file) === '.json' || extname(file) === '.node') return [];
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  return [...text.matchAll(SPECIFIER)].map(([, , specifier = '']) => locate(join(file, '..', specifier)));
}

function locate(path: string): string {
  return path + (EXTENSIONS.find((extension) => isFile(path + extension)) ?? '');
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
