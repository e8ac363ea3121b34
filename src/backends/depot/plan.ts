import { posix } from 'node:path';
import { HeddleError } from '../../model/index.ts';
import { safeRelativePath } from '../../files/index.ts';
import type { DepotDirectory, DepotFile } from './depot.ts';
import { EXECUTABLE } from './scripts.ts';
import type { TarEntry } from './tar-writer.ts';

/** Content that directories want: its name in the store of the other side, and where it lies here. */
export interface Content {
  readonly key: string;
  readonly from: string;
  readonly executable: boolean;
}

/** What is to be sent, checked. */
export interface SendPlan {
  readonly content: ReadonlyMap<string, Content>;
  /** By parent, the directories in it. */
  readonly parents: ReadonlyMap<string, readonly PlannedDirectory[]>;
}

interface PlannedDirectory {
  readonly base: string;
  readonly files: readonly (DepotFile & { readonly key: string | undefined })[];
}

/**
 * Checks what is to be sent and sorts it.
 *
 * @throws {HeddleError} INPUT_INVALID when a path is not absolute, leaves its directory or can't stand in a list
 */
export function planSend(directories: readonly DepotDirectory[]): SendPlan {
  const content = new Map<string, Content>();
  const parents = new Map<string, PlannedDirectory[]>();
  for (const { at, files } of directories) {
    const path = safeAbsolutePath(at);
    const parent = posix.dirname(path);
    const planned = files.map((file) => {
      const key = keyOf(file);
      if (key !== undefined) content.set(key, { key, from: file.from, executable: file.executable ?? false });
      return { ...file, name: safeName(file.name), key };
    });
    const there = parents.get(parent);
    const directory = { base: posix.basename(path), files: planned };
    if (there === undefined) parents.set(parent, [directory]);
    else there.push(directory);
  }
  return { content, parents };
}

/** The archive of content. */
export function* contentEntries(content: Iterable<Content>): Generator<TarEntry> {
  for (const { key, from, executable } of content) {
    yield { kind: 'file', path: `${key.slice(0, 2)}/${key}`, from, executable, readOnly: true };
  }
  yield { kind: 'text', path: 'whole', text: '' };
}

/** The archive of directories that `layoutScript` takes. */
export function* layoutEntries(
  plan: SendPlan,
  how: { readonly root: string; readonly token: string; readonly copies: boolean },
): Generator<TarEntry> {
  const own = `${how.root.slice(1)}/tmp/${how.token}`;
  yield { kind: 'text', path: `${own}/list`, text: listOf(plan) };
  for (const [parent, directories] of plan.parents) {
    const workshop = posix.join(parent, `.${how.token}`).slice(1);
    for (const { base, files } of directories) {
      const directory = `${workshop}/${base}`;
      yield { kind: 'directory', path: directory };
      for (const file of files) yield entryOf(file, `${directory}/${file.name}`, how);
    }
  }
  yield { kind: 'text', path: `${own}/whole`, text: '' };
}

function entryOf(
  file: DepotFile & { readonly key: string | undefined },
  path: string,
  how: { readonly root: string; readonly copies: boolean },
): TarEntry {
  const { key, from, executable = false } = file;
  if (key === undefined) return { kind: 'file', path, from, executable, readOnly: false };
  const target = `${how.root}/files/${key.slice(0, 2)}/${key}`;
  // Links by names are made in its workshop, and replaced by copies there.
  if (how.copies) return { kind: 'symlink', path, target };
  return { kind: 'hard-link', path, target: target.slice(1) };
}

function listOf(plan: SendPlan): string {
  const lines: string[] = [];
  for (const [parent, directories] of plan.parents) {
    lines.push(`P${parent === '/' ? '' : parent}`);
    for (const { base } of directories) lines.push(`D${base}`);
  }
  return `${lines.join('\n')}\n`;
}

function keyOf({ sha256, executable }: DepotFile): string | undefined {
  if (sha256 === undefined) return undefined;
  if (/^[0-9a-f]{64}$/.test(sha256)) return executable === true ? `${sha256}${EXECUTABLE}` : sha256;
  throw new HeddleError('INPUT_INVALID', `'${sha256.slice(0, 80)}' is no sha256`, {
    hint: 'give 64 hexadecimal digits',
  });
}

/** A path there in its plain form. */
export function safeAbsolutePath(path: string): string {
  const plain = posix.normalize(path).replace(/(.)\/$/, '$1');
  if (!posix.isAbsolute(path) || plain === '/' || path.includes('\0')) {
    throw new HeddleError('INPUT_INVALID', `'${path.slice(0, 200)}' is no directory to be made there`, {
      hint: 'give an absolute path',
    });
  }
  return refuseNewline(plain);
}

/** A name below a directory in its plain form. */
export function safeName(name: string): string {
  return refuseNewline(safeRelativePath(name, 'a file'));
}

function refuseNewline(path: string): string {
  if (!path.includes('\n')) return path;
  throw new HeddleError('INPUT_INVALID', `${JSON.stringify(path.slice(0, 200))} holds a newline`, {
    hint: 'such names do not travel; rename the file',
  });
}
