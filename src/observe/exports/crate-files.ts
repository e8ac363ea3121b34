import { statSync } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { CommandOutput } from '../../model/index.ts';
import { type EntitySet, nameByHash, ref } from './crate-entities.ts';
import { formatOf } from './media-type.ts';

/** A file that is to be in the crate. */
export interface CrateFile {
  /** Relative to the crate, as its entity's id says it, decoded. */
  readonly path: string;
  /** Where it lies now, absolute. */
  readonly from: string;
  readonly sha256?: string;
}

/** Which files a crate holds; others are named by what they hold. */
export type CrateContent = 'none' | 'results' | 'all';

interface OutputOptions {
  /** Whether it belongs into the crate, if it is still there. */
  readonly isWanted: boolean;
  /** The id of the output of a tool that it is. */
  readonly exampleOf: string | undefined;
}

/** Describes files as entities, each once, and notes which of them belong into the crate. */
export class CrateFiles {
  readonly #entities: EntitySet;
  readonly #store: string;
  readonly #included = new Map<string, CrateFile>();
  /** Ids of all files: data entities belong to the root. */
  readonly ids: Set<string> = new Set<string>();

  /** `store`: its directory, where outputs say they lie. */
  constructor(entities: EntitySet, store: string) {
    this.#entities = entities;
    this.#store = store;
  }

  get included(): readonly CrateFile[] {
    return [...this.#included.values()];
  }

  /** An output a job left. Files that hold the same under the same name are one. */
  output({ file, at }: CommandOutput, { isWanted, exampleOf }: OutputOptions): string {
    const { sha256, size, name } = file;
    const path = `files/${sha256.slice(0, 16)}/${name}`;
    const from = isAbsolute(at) ? at : join(this.#store, at);
    // What is in a crate must be there; where it has gone, or is being written anew, its name by hash still says what it was.
    const isIncluded = isWanted && (this.#included.has(path) || sizeOf(from) === size);
    const id = isIncluded ? crateId(path) : `${nameByHash(sha256)}?name=${encodeURIComponent(name)}`;
    if (isIncluded) this.#included.set(path, { path, from, sha256 });
    this.ids.add(id);
    return this.#entities.add({
      '@id': id,
      '@type': 'File',
      name,
      sha256,
      contentSize: String(size),
      ...formatOf(name),
      ...(exampleOf === undefined ? {} : { exampleOfWork: ref(exampleOf) }),
    });
  }

  /** A file of the user's that jobs took in. It is where it was: nothing says that it still holds what it held. */
  input(path: string): string {
    const id = isAbsolute(path) ? pathToFileURL(path).href : `#file-${encodeURIComponent(path)}`;
    const isWeb = isAbsolute(path);
    if (isWeb) this.ids.add(id);
    return this.#entities.add({
      '@id': id,
      '@type': isWeb ? 'File' : 'CreativeWork',
      name: basename(path),
      alternateName: path,
      ...formatOf(path),
    });
  }
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}

/** A path in the crate as an id: a relative URI. */
export function crateId(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
