import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Writes a file that is there whole or not at all; with `flush` it is on the disk when this returns. */
export function writeWhole(path: string, text: string, { flush = false }: { readonly flush?: boolean } = {}): void {
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, text, { flush });
  renameSync(draft, path);
}
