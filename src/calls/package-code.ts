import { hash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';

/** What of npm's lock file is looked at. */
interface LockEntry {
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

interface Lock {
  /** Where the lock file lies. */
  readonly root: string;
  readonly packages: Readonly<Record<string, LockEntry>>;
}

/**
 * Adds what a package is, `npm:<name>`, and all it depends on: by npm's lock file, else by the version that is
 * installed. A package that is not there has nothing to add: importing it will say so.
 */
export function packageCode(name: string, from: string, into: Map<string, string>): void {
  const folder = packageFolder(name, dirname(from));
  if (folder === undefined) return;
  const lock = lockOf(folder);
  const place = lock === undefined ? '' : relative(lock.root, folder).split(sep).join('/');
  if (lock?.packages[place] !== undefined) return addLocked(lock, place, into);
  into.set(`npm:${name}`, hash('sha256', installed(folder)));
}

export function packageFolder(name: string, from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
    if (dirname(folder) === folder) return undefined;
  }
}

/** One of a workspace is linked: its own folder stands for what is in it, as far as its manifest says. */
function installed(folder: string): string {
  const manifest = readFileSync(join(realpathSync(folder), 'package.json'), 'utf8');
  const { version } = JSON.parse(manifest) as { readonly version?: string };
  return version ?? manifest;
}

function lockOf(folder: string): Lock | undefined {
  for (let at = dirname(folder); ; at = dirname(at)) {
    const file = join(at, 'package-lock.json');
    if (existsSync(file)) return readLock(at, file);
    if (dirname(at) === at) return undefined;
  }
}

/** Of the lock file last read: one project has one. */
let last: { readonly text: string; readonly lock: Lock | undefined } | undefined;

function readLock(root: string, file: string): Lock | undefined {
  const text = readFileSync(file, 'utf8');
  if (last?.text === text && last.lock?.root === root) return last.lock;
  const lock = parseLock(root, text);
  last = { text, lock };
  return lock;
}

function parseLock(root: string, text: string): Lock | undefined {
  try {
    const { packages } = JSON.parse(text) as { readonly packages?: Lock['packages'] };
    return packages === undefined ? undefined : { root, packages };
  } catch {
    return undefined;
  }
}

function addLocked(lock: Lock, place: string, into: Map<string, string>): void {
  const name = `npm:${place.replace(/^node_modules\//, '')}`;
  const entry = lock.packages[place];
  if (entry === undefined || into.has(name)) return;
  into.set(name, hash('sha256', `${entry.version ?? ''} ${entry.integrity ?? entry.resolved ?? ''}`));
  const needed = { ...entry.dependencies, ...entry.optionalDependencies, ...entry.peerDependencies };
  for (const dependency of Object.keys(needed)) {
    const found = placeFor(lock, place, dependency);
    if (found !== undefined) addLocked(lock, found, into);
  }
}

/** As Node looks for it: in the folder of who asks, then in those around. */
function placeFor(lock: Lock, from: string, name: string): string | undefined {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('node_modules/') - 1))) {
    const candidate = at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    if (lock.packages[candidate] !== undefined) return candidate;
    if (at === '') return undefined;
  }
}
