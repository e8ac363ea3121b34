import { type Stats, statSync } from 'node:fs';

/** What the file system says of what lies at a path; undefined where there is nothing, or nothing one may see. */
export function look(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** Device and inode. */
export function inodeOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}

/** What changes when a file is changed: size, time of change, time of modification. */
export function stateOf({ size, ctimeMs, mtimeMs }: Stats): string {
  return `${size}:${ctimeMs}:${mtimeMs}`;
}

/** A file, and in which state it is. */
export interface Identified {
  /** Where an output says it lies. */
  readonly at: string;
  /** `inodeOf` and `stateOf`. */
  readonly identity: string;
}

export function identityOf(stat: Stats): string {
  return `${inodeOf(stat)}:${stateOf(stat)}`;
}

/** Files as one text, a line each. Undefined where a path can't stand in a line. */
export function identitiesText(files: readonly Identified[]): string | undefined {
  if (files.some(({ at }) => at.includes('\n'))) return undefined;
  return files.map(({ at, identity }) => `${identity}\t${at}`).join('\n');
}

/** Whether all files of such a text are what they were. Asked of a hundred thousand: so without an object for each. */
export function areUntouched(text: string, placeOf: (at: string) => string): boolean {
  for (let from = 0; from < text.length; ) {
    const tab = text.indexOf('\t', from);
    const lineEnd = text.indexOf('\n', tab);
    const end = lineEnd === -1 ? text.length : lineEnd;
    const stat = look(placeOf(text.slice(tab + 1, end)));
    if (stat === undefined || identityOf(stat) !== text.slice(from, tab)) return false;
    from = end + 1;
  }
  return true;
}
