import type { LoginNeed } from '../../model/index.ts';

/** A file that is wanted in a directory on the other side. */
export interface DepotFile {
  /** Where it is wanted: relative to the directory, never leaving it. */
  readonly name: string;
  /** Where it lies here, absolute. */
  readonly from: string;
  /** Of its content; absent: it is small and of this directory alone, and sent as it is. */
  readonly sha256?: string;
  readonly size?: number;
  readonly executable?: boolean;
}

/** A directory to be made on the other side. */
export interface DepotDirectory {
  /** Absolute there. */
  readonly at: string;
  readonly files: readonly DepotFile[];
}

/** Files to be brought here. What is not there is left out. */
export interface DepotFetch {
  /** Absolute there. */
  readonly from: string;
  /** Absolute here; made where it is not there. */
  readonly to: string;
  /** Relative to both. A link there that leads out of `from` is not followed. */
  readonly files: readonly string[];
}

export type DepotAnswer =
  | { readonly kind: 'done' }
  /** The other side said no: its disk is full, a path can't be made. `retryable`: later it may go. */
  | { readonly kind: 'refused'; readonly why: string; readonly retryable: boolean }
  | { readonly kind: 'unreachable'; readonly why: string }
  | { readonly kind: 'login'; readonly need: LoginNeed };

/**
 * The files of a target that has a file system of its own. Content with a hash is sent once to a place and linked from there
 * (`ROOT/files/<2 digits>/<sha256>`, read-only, checked as it arrives, put there by rename); only what lacks is sent.
 */
export interface Depot {
  /** Absolute directory there, below which everything of ours lies. Resolves `~` on first use. */
  root(): Promise<{ readonly kind: 'done'; readonly path: string } | Exclude<DepotAnswer, { readonly kind: 'done' }>>;
  /** Makes directories with files in them, all of them in as few trips as can be. May be asked again after any failure. */
  send(directories: readonly DepotDirectory[]): Promise<DepotAnswer>;
  /** Brings files here, each whole or not at all: written beside, then renamed. */
  fetch(wanted: readonly DepotFetch[]): Promise<DepotAnswer>;
  /** Removes directories of ours there; what is not there is no failure. */
  remove(directories: readonly string[]): Promise<DepotAnswer>;
}
