import { hash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { getCompileCacheDir } from 'node:module';
import { extname, join } from 'node:path';

/** What is known of a file, as long as it is this file. */
export interface ModuleFacts {
  readonly hash: string;
  /** Specifiers, as they are written. */
  readonly imports: readonly string[];
}

/** One more whenever facts are found in another way. */
const METHOD = 1;

/**
 * Facts that follow from a file's bytes and name alone, found once and kept beside Node's compiled code, where that is
 * kept: what takes the types away is as large as everything else a run loads. A new Node begins anew, in a folder of its own.
 */
export function remembered(path: string, bytes: Buffer, find: () => ModuleFacts): ModuleFacts {
  const folder = getCompileCacheDir();
  if (folder === undefined) return find();
  const name = hash('sha256', Buffer.concat([Buffer.from(`${METHOD}${extname(path)}\n`), bytes]));
  const file = join(folder, `heddle-${name}.json`);
  const known = read(file);
  if (known !== undefined) return known;
  const facts = find();
  try {
    writeFileSync(file, JSON.stringify(facts));
  } catch {
    // A full disk or a folder that is not ours: it is found again next time.
  }
  return facts;
}

/** Undefined also for what somebody else is just writing. */
function read(file: string): ModuleFacts | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ModuleFacts;
  } catch {
    return undefined;
  }
}
