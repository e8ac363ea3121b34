import { readdir, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type RunId, type Store, type Value } from '../../model/index.ts';

/** Stands in a run's folder when its logs and scratch files have been removed. */
export const CLEANED_FILE = '.cleaned';

const VALUES_A_READ = 500;

/** What a folder holds, and what of it went or would go. */
export interface Swept {
  readonly bytes: number;
  readonly files: number;
}

/**
 * Files below a run's folder that results name, relative to the store. Undefined where that can't be told: a value that is
 * more than JSON mentions the folder.
 */
export async function namedFiles(store: Store, run: RunId, size: number): Promise<ReadonlySet<string> | undefined> {
  const named = new Set<string>();
  const prefix = `work/${run}/`;
  for (let first = 0; first < size; first += VALUES_A_READ) {
    const jobs = Array.from({ length: Math.min(VALUES_A_READ, size - first) }, (_, i) => first + i);
    for (const value of await store.values(run, jobs))
      if (value !== undefined && !collect(value, prefix, named)) return undefined;
  }
  return named;
}

function collect(value: Value, prefix: string, named: Set<string>): boolean {
  if (value.codec === 'v8')
    return (
      !Buffer.from(value.bytes).includes(prefix) && !Buffer.from(value.bytes).includes(Buffer.from(prefix, 'utf16le'))
    );
  if (!value.json.includes(prefix)) return true;
  const met: unknown[] = [JSON.parse(value.json)];
  for (const part of met) {
    if (typeof part === 'string') {
      const at = part.indexOf(prefix);
      if (at !== -1) named.add(part.slice(at));
    } else if (typeof part === 'object' && part !== null) met.push(...Object.values(part));
  }
  return true;
}

/** Removes, or with `dry` counts, all files of a run's folder but those that are named. What is there no more is no matter. */
export async function sweepScratch(
  store: string,
  run: RunId,
  { named, dry }: { readonly named: ReadonlySet<string>; readonly dry: boolean },
): Promise<Swept> {
  const folder = `work/${run}`;
  const swept = await sweepFolder(store, folder, { named, dry });
  if (!dry && swept.files > 0) await writeFile(join(store, folder, CLEANED_FILE), '').catch(() => undefined);
  return swept;
}

async function sweepFolder(
  store: string,
  folder: string,
  options: { readonly named: ReadonlySet<string>; readonly dry: boolean },
): Promise<Swept> {
  let bytes = 0;
  let files = 0;
  const entries = await readdir(join(store, folder), { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) {
      const inner = await sweepFolder(store, path, options);
      bytes += inner.bytes;
      files += inner.files;
      // Stays where something in it does.
      if (!options.dry) await rmdir(join(store, path)).catch(() => undefined);
    } else if (entry.name !== CLEANED_FILE && !options.named.has(path)) {
      bytes += await sizeOf(join(store, path), entry.isFile());
      files += 1;
      if (!options.dry) await rm(join(store, path), { force: true });
    }
  }
  return { bytes, files };
}

/** A link takes nothing of what it leads to; a file with another name besides gives nothing back. */
async function sizeOf(path: string, isFile: boolean): Promise<number> {
  const found = isFile ? await stat(path).catch(() => undefined) : undefined;
  return found === undefined || found.nlink > 1 ? 0 : found.size;
}
