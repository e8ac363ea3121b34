import { hash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { HeddleError, type Json, type RunRow } from '../model/index.ts';

/** What a run was started from, kept with it. */
export interface Origin {
  readonly kind: 'module' | 'wfformat' | 'graph';
  /** Absolute. */
  readonly file: string;
  /** The project's directory, absolute. */
  readonly project: string;
  /** sha256 of the workflow's file and of all it imports by relative paths, by path from the file's folder. */
  readonly code?: Readonly<Record<string, string>>;
}

/** `from './x.ts'`, `import './x.ts'`, `import('./x.ts')`, `new URL('./x.ts', ...)`. A mention too many only adds a file. */
const RELATIVE_IMPORT = /(?:\bfrom\s*|\bimport\s*\(?\s*|\bnew\s+URL\(\s*)(["'])(\.{1,2}\/[^"'\n]+)\1/g;

/** Hashes a module and, by their text, the modules it imports by relative paths, at any depth. */
export function hashModules(file: string): Readonly<Record<string, string>> {
  const folder = dirname(file);
  const hashes = new Map<string, string>();
  const waiting = [file];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const name = relative(folder, path);
    if (hashes.has(name) || !existsSync(path)) continue;
    const text = readFileSync(path, 'utf8');
    hashes.set(name, hash('sha256', text));
    if (!/\.[cm]?[jt]s$/.test(path)) continue;
    for (const [, , specifier] of text.matchAll(RELATIVE_IMPORT))
      waiting.push(resolve(dirname(path), specifier as string));
  }
  return Object.fromEntries([...hashes].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Reads what a run was started from; undefined when a program started it. */
export function originOf(row: RunRow): Origin | undefined {
  const settings = JSON.parse(row.settings || '{}') as { readonly origin?: Json };
  const origin = settings.origin as Partial<Origin> | undefined;
  return typeof origin?.file === 'string' && typeof origin.project === 'string' ? (origin as Origin) : undefined;
}

/**
 * Refuses to go on with a run whose workflow was changed since it was started: what is done and what is to come
 * would be of two programs.
 *
 * @throws {HeddleError} CODE_CHANGED, naming the files
 */
export function assertCodeUnchanged(row: RunRow): void {
  const origin = originOf(row);
  if (origin?.code === undefined) return;
  const now = hashModules(origin.file);
  const names = [...new Set([...Object.keys(origin.code), ...Object.keys(now)])].sort();
  const changes = names.flatMap((name) => describeChange(name, origin.code?.[name], now[name]));
  if (changes.length === 0) return;
  throw new HeddleError('CODE_CHANGED', `the workflow of run '${row.id}' has changed since it was started`, {
    details: { run: row.id, file: origin.file, changes },
    hint: [
      ...changes.slice(0, 20).map((change) => `  ${change}`),
      ...(changes.length > 20 ? [`  and ${changes.length - 20} more`] : []),
      `in ${dirname(origin.file)}; the run's graph stays as it was started`,
      'undo the change, start a new run, or go on with --accept-code',
    ].join('\n'),
  });
}

function describeChange(name: string, before: string | undefined, now: string | undefined): readonly string[] {
  if (before === now) return [];
  if (before === undefined) return [`added    ${name}`];
  return [now === undefined ? `missing  ${name}` : `changed  ${name}`];
}
