import {
  closeSync,
  createReadStream,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Redactor } from '../../model/index.ts';
import { STDERR_FILE, STDOUT_FILE } from '../../process/index.ts';

/** What is read at once; more is read piece by piece, without holding the loop. */
const AT_ONCE_BYTES = 1024 * 1024;
const READABLE_BY = 0o777;

/**
 * Takes secrets out of what an attempt has said, once nothing writes to it any more. A file that holds one is replaced by
 * rename: whoever is reading it goes on in the old one. At once where the files are small; a promise where they are not.
 *
 * @throws the system's error when there is no room or no right
 */
export function redactCapture(directory: string, redactor: Redactor): void | Promise<void> {
  const later: string[] = [];
  for (const name of [STDOUT_FILE, STDERR_FILE]) {
    const path = join(directory, name);
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (size > AT_ONCE_BYTES) later.push(path);
    else if (size > 0) redactSmall(path, redactor);
  }
  return later.length === 0 ? undefined : redactAll(later, redactor);
}

function redactSmall(path: string, redactor: Redactor): void {
  const bytes = readFileSync(path);
  const clean = redactor.bytes(bytes);
  if (clean === bytes) return;
  const draft = openDraft(path);
  try {
    writeAll(draft.descriptor, clean);
  } catch (error) {
    rmSync(draft.path, { force: true });
    throw error;
  } finally {
    closeSync(draft.descriptor);
  }
  renameSync(draft.path, path);
}

async function redactAll(paths: readonly string[], redactor: Redactor): Promise<void> {
  for (const path of paths) await redactLarge(path, redactor);
}

async function redactLarge(path: string, redactor: Redactor): Promise<void> {
  const draft = openDraft(path);
  try {
    const stream = redactor.stream();
    for await (const piece of createReadStream(path) as AsyncIterable<Buffer>)
      writeAll(draft.descriptor, stream.push(piece));
    writeAll(draft.descriptor, stream.end());
    if (stream.found) renameSync(draft.path, path);
  } finally {
    closeSync(draft.descriptor);
    rmSync(draft.path, { force: true });
  }
}

function openDraft(path: string): { readonly path: string; readonly descriptor: number } {
  const draft = `${path}.redacted`;
  rmSync(draft, { force: true });
  const original = openSync(path, 'r');
  try {
    return { path: draft, descriptor: openSync(draft, 'wx', fstatSync(original).mode & READABLE_BY) };
  } finally {
    closeSync(original);
  }
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
}
